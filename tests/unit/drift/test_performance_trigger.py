"""A trigger on matured labels: when it measures, what it believes, and that one fall orders one run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_traffic import PredictionLog

from tests.unit.drift.labelled_world import FELL, LOG, PRECISION, Said, end, jobs, known, labelled_world, measured, task
from tests.unit.drift.policy_world import condition


def test_the_job_reads_what_has_matured_and_nothing_else_and_holds_no_right() -> None:
    world = labelled_world()
    world.settle()
    (job,) = jobs(world)
    container = job["spec"]["template"]["spec"]["containers"][0]
    asked = json.loads(next(each["value"] for each in container["env"] if each["name"] == "SLIPWAY_PERFORMANCE"))
    assert asked["until"] == "2026-11-23T06:00:00+00:00"
    assert asked["since"] == "2026-11-22T06:00:00+00:00"
    assert (asked["revision"], asked["key"], asked["metric"], asked["needed"]) == ("r1", "payment", "precision", 48)
    assert (asked["silence"], asked["selective"], asked["entity"]) == (False, False, "card")
    assert {
        "name": "SLIPWAY_LABELS_url",
        "valueFrom": {"secretKeyRef": {"name": "warehouse", "key": "url"}},
    } in container["env"]
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(mount.get("readOnly") for mount in container["volumeMounts"] if mount["name"] != "tmp")
    assert job["metadata"]["ownerReferences"][0]["kind"] == "RetrainPolicy"


def test_85_percent_is_healthy_and_60_orders_one_run_that_names_the_cause() -> None:
    world = labelled_world()
    measured(world, Said(right=170))
    assert world.status.state == "Healthy"
    assert (known(world).verdict, known(world).value) == ("Clear", "85%")
    assert condition(world, "PerformanceMeasured") == ("True", "Measured")
    world.later(121)
    measured(world, FELL)
    assert world.made == [world.status.turns[0].name]
    assert world.status.turns[0].causes == ("precision",)
    run = world.runs[world.made[0]]
    assert run["metadata"]["annotations"]["slipway.dev/triggers"] == "precision"
    assert run["spec"]["cause"] == "Emergency"
    ordered = next(each.message for each in world.told if each.reason == "TrainingRunOrdered")
    figure = r"precision 60% \([\d.]+% to [\d.]+%\) over 200 matured predicted positives is < 75%"
    assert re.fullmatch(rf"precision \({figure}\): TrainingRun .*", ordered)
    for _ in range(5):
        world.later(130)
        measured(world, FELL)
    assert len(world.made) == 1, "single flight, however often it is seen"


def test_the_status_tells_the_figure_its_cohorts_and_how_complete_labels_are() -> None:
    world = labelled_world()
    measured(world, Said())
    found = known(world).model_dump(mode="json", by_alias=True)
    assert (found["value"], found["trials"], found["needed"], found["completeness"]) == ("85%", 200, 48, "97.5%")
    assert (found["since"], found["until"]) == ("2026-11-22T06:00:00Z", "2026-11-23T06:00:00Z")
    assert found["ages"] == [{"age": "0s", "rows": 100, "labelled": 20}, {"age": "6h", "rows": 2000, "labelled": 1950}]
    assert found["cohorts"][0]["value"] == "85%"
    assert (found["revised"], found["contradictory"], found["repeated"], found["unkeyed"]) == (2, 1, 3, 4)
    assert float(found["low"].rstrip("%")) < 85 < float(found["high"].rstrip("%"))


def test_one_measurement_at_a_time_at_its_pace_and_old_jobs_go() -> None:
    world = labelled_world()
    world.settle()
    assert len(jobs(world)) == 1
    world.later(500)
    world.settle()
    assert len(jobs(world)) == 1, "the first has not ended"
    end(world, Said().words())
    world.settle()
    assert len(jobs(world)) == 1, "the next one, and the last one is gone"
    assert known(world).run == 2
    end(world, Said().words())
    world.settle()
    world.later(119)
    world.settle()
    assert known(world).run == 2
    world.later(2)
    world.settle()
    assert known(world).run == 3


def test_two_triggers_take_turns() -> None:
    world = labelled_world()
    recall = {"name": "recall", "type": "Performance", "performance": {**PRECISION, "metric": "recall"}}
    world.spec = {**world.spec, "triggers": [*world.spec["triggers"], recall]}
    world.settle()
    assert [each.running for each in world.status.performance] == [True, False]
    end(world, Said().words())
    world.settle()
    assert [each.running for each in world.status.performance] == [False, True]
    end(world, Said(right=100).words())
    world.settle()
    assert world.status.turns[0].causes == ("recall",)


def test_a_trigger_that_is_always_due_keeps_no_other_waiting() -> None:
    world = labelled_world({**PRECISION, "window": "1m"})
    slow = {"name": "slow", "type": "Performance", "performance": {**PRECISION, "window": "1m"}}
    world.spec = {**world.spec, "triggers": [*world.spec["triggers"], slow]}
    for _ in range(10):
        world.settle()
        world.later(2)
        end(world, Said().words())
    assert [each.run for each in world.status.performance] == [5, 5]


@pytest.mark.long
def test_failures_are_told_and_repeated_ever_more_rarely() -> None:
    world = labelled_world()
    error = json.dumps({"error": {"reason": "KeyNotLogged", "message": "the log has no column of it"}})
    attempts = []
    for _ in range(60 * 24 * 7):
        before = known(world).run if world.status.performance else 0
        world.step()
        if known(world).run != before:
            attempts.append(world.now)
            world.settle()
            end(world, error, 1)
        world.later(5)
    assert condition(world, "PerformanceMeasured") == ("Unknown", "MeasurementFailed")
    assert condition(world, "Ready") == ("False", "MeasurementFailed")
    assert "KeyNotLogged: the log has no column of it" in known(world).failure
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(attempts)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 5 * 3600
    assert 86_000 < gaps[-1] <= 87_000, "once a day at last"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("", 0, "its pods are gone"),
        ('{"performance": {"rows": 1}}', 0, "its words cannot be read"),
        (Said().words().replace('"pace": 0.01', '"pace": null'), 0, "its words cannot be read"),
        ("", 137, "exit code 137"),
    ],
)
def test_what_is_no_answer_is_a_failure(words: str, code: int, why: str) -> None:
    world = labelled_world()
    world.settle()
    end(world, words, code)
    world.later(1)
    world.settle()
    assert why in known(world).failure
    assert not known(world).running


@pytest.mark.parametrize(
    ("changed", "trigger", "reason"),
    [
        ({"log": None}, {}, "NotLogged"),
        ({"log": PredictionLog.model_validate({**LOG, "omit": ["payment"]})}, {}, "KeyNotLogged"),
        ({"log": PredictionLog.model_validate({**LOG, "hash": ["payment"]})}, {}, "KeyNotLogged"),
        ({"task": None}, {}, "TaskNotFound"),
        ({"task": task(source=None)}, {}, "NoLabelSource"),
        ({"task": task(source={"uri": "https://x/y.csv"}).model_copy(update={"id": None})}, {}, "NoEventKey"),
        ({"image": ""}, {}, "PipelinesImageNotSet"),
        ({}, {"metric": "mae"}, "NotSupported"),
    ],
)
def test_what_can_never_be_measured_is_told_with_the_remedy_and_makes_no_job(
    changed: dict[str, Any], trigger: dict[str, Any], reason: str
) -> None:
    world = labelled_world({**PRECISION, **trigger}, **changed)
    world.settle()
    assert condition(world, "PerformanceMeasured") == ("Unknown", reason)
    assert condition(world, "Ready") == ("False", reason)
    assert jobs(world) == []


def test_another_revision_begins_anew_and_takes_nothing_over() -> None:
    world = labelled_world()
    measured(world, replace(FELL, right=145))
    assert world.served is not None
    assert known(world).verdict == "Suspected"
    world.served = replace(world.served, revision="r2")
    world.step()
    assert (known(world).revision, known(world).verdict, known(world).value) == ("r2", "", "")
    world.settle()
    assert len(jobs(world)) == 1


def test_an_answer_from_before_a_long_outage_orders_nothing() -> None:
    world = labelled_world()
    world.spec = {**world.spec, "suspend": True}
    measured(world, FELL)
    assert known(world).verdict == "Confirmed"
    world.later(60 * 24 * 3)
    world.spec = {**world.spec, "suspend": False}
    world.settle()
    assert world.made == []
    assert condition(world, "PerformanceMeasured") == ("Unknown", "StaleMeasurement")


def test_a_trigger_that_is_taken_off_takes_its_job_and_its_figure_with_it() -> None:
    world = labelled_world()
    world.settle()
    world.spec = {**world.spec, "triggers": [], "schedule": {"cron": "0 3 * * 1"}}
    world.settle()
    assert (jobs(world), world.status.performance) == ([], ())


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_killed_between_any_two_writes_one_job_and_one_run_are_made(cut: int) -> None:
    world = labelled_world()
    for _ in range(4):
        world.step(cut=cut)
        world.step()
    assert len(jobs(world)) == 1
    end(world, FELL.words())
    for _ in range(4):
        world.step(cut=cut)
        world.step()
    assert len(world.made) == 1
    assert len(jobs(world)) == 1


def test_the_steady_state_writes_nothing_new() -> None:
    world = labelled_world()
    measured(world, Said())
    before = world.status
    world.later(60)
    plan = world.step()
    assert world.status == before
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 300
