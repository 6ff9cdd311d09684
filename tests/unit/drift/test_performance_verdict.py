"""What counts of matured labels make of the served model: too few, biased, broken, fallen, or as it should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drift.labelled_world import FELL, PRECISION, Said, end, known, labelled_world, measured, task
from tests.unit.drift.policy_world import START, condition


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(right=10, trials=20, pending=40, ripe=START), "20 of the 48 matured predicted positives that precision "
         "needs; 28 are missing, expected by 2026-11-23T12:00:00Z"),
        (Said(right=10, trials=20, pending=8, pace=0.01), "expected by 2026-11-23T18:33:20Z at the present pace"),
        (Said(right=10, trials=20, pending=0, pace=0.0), "28 are missing, and none are on their way"),
        (Said(right=10, trials=20, pending=0, pace=0.0001), "window 24h holds 9 at the present pace: make it longer"),
        (Said(right=30, trials=60, clusters=29), "what was counted comes from 29 entities only"),
    ],
)  # fmt: skip
def test_too_few_are_insufficient_whatever_they_say_with_how_many_are_missing(said: Said, words: str) -> None:
    world = labelled_world()
    measured(world, said)
    assert words in known(world).message
    assert known(world).verdict == "InsufficientData"
    assert condition(world, "PerformanceMeasured") == ("Unknown", "InsufficientData")
    assert world.made == []
    assert world.status.state not in ("Suspected", "Confirmed")


def test_a_value_beyond_the_bound_whose_interval_is_not_is_a_suspicion_and_no_run() -> None:
    world = labelled_world()
    measured(world, Said(right=69, trials=100))
    assert (world.status.state, known(world).verdict) == ("Suspected", "Suspected")
    assert world.made == []


@settings(max_examples=60, deadline=None)
@given(right=st.integers(0, 300), wrong=st.integers(0, 300))
def test_no_run_is_ordered_that_a_worse_model_would_not_order(right: int, wrong: int) -> None:
    def ordered(right: int, wrong: int) -> bool:
        world = labelled_world()
        measured(world, Said(right=right, trials=right + wrong))
        return bool(world.made)

    if ordered(right, wrong):
        assert right + wrong >= 48
        assert right / (right + wrong) < 0.75
        assert ordered(right, wrong + 10)


def test_labels_that_fall_short_of_what_is_declared_hold_the_policy_until_they_are_whole() -> None:
    world = labelled_world()
    measured(world, replace(FELL, labelled=1500))
    assert (world.status.state, world.made) == ("DataQualityHold", [])
    assert condition(world, "LabelQuality") == ("False", "DataQualityHold")
    assert condition(world, "DataQuality") == ("", ""), "nothing is said of the features"
    assert "75% of 2000 matured events have a label that counts" in world.status.message
    world.later(121)
    world.settle()
    end(world, "", 1)
    world.settle()
    assert world.status.state == "DataQualityHold", "a failure does not make it whole"
    world.later(300)
    measured(world, FELL)
    assert len(world.made) == 1


def test_few_labels_of_those_that_were_acted_on_hold_it_as_well() -> None:
    world = labelled_world()
    measured(world, replace(FELL, flagged=400, flagged_labelled=200))
    assert "50% of 400 matured predicted positives" in world.status.message


SILENCE = {"p95": "6h", "completeness": "90%", "absenceMeansNegativeAfter": "12h"}


def test_where_silence_is_negative_events_mature_with_it_and_a_feed_that_stopped_is_no_fall() -> None:
    world = labelled_world(task=task(maturity=SILENCE))
    measured(world, replace(FELL, labelled=100, silent=48))
    assert known(world).until == START.replace(hour=0)
    assert (world.status.state, world.made) == ("DataQualityHold", [])
    assert "no label came for the newest 48 matured predicted positives" in world.status.message
    world.later(121)
    measured(world, replace(FELL, labelled=2000, silent=47))
    assert len(world.made) == 1


@pytest.mark.parametrize(
    ("metric", "explored", "verdict", "value"),
    [("precision", 0, "Biased", "60%"), ("recall", 0, "Biased", ""), ("recall", 40, "InsufficientData", "60%"),
     ("precision", 200, "Confirmed", "60%")],
)  # fmt: skip
def test_of_a_selective_task_only_explored_events_judge(metric: str, explored: int, verdict: str, value: str) -> None:
    world = labelled_world({**PRECISION, "metric": metric}, task=task(observation="Selective"))
    measured(world, replace(FELL, labelled=900, explored=explored))
    assert (known(world).verdict, known(world).value) == (verdict, value)
    assert len(world.made) == (1 if verdict == "Confirmed" else 0)
    if verdict == "Biased":
        assert "no prediction was explored" in known(world).message
        assert condition(world, "PerformanceMeasured") == ("Unknown", "Biased")
