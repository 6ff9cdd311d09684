"""A policy of mode Incremental continues what serves, trains in full where it cannot, and is not frozen by steps."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from slipway.api.v1alpha1.incremental import UNCONTINUABLE
from slipway.core.retrain.freeze import flips
from slipway.core.retrain.snapshot import Ended, Served

from tests.unit.drift.policy_world import DRIFTED, RAW, STABLE, START, TEMPLATE, World, condition

BASE = "models:/fraud/6"


def raw(**changes: Any) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    template["spec"] |= {
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "StochasticGradient"}}, "register": {"model": "fraud"},
    }  # fmt: skip
    budget = {"triggered": 50, "scheduled": 50, "per": "90d"}
    return {**RAW, "mode": "Incremental", "runTemplate": template, "budget": budget, "historyLimit": 50, **changes}


def world(version: str = "6", **changes: Any) -> World:
    return World(spec=raw(**changes), served=Served("r1", version))


def failed(world: World, reason: str) -> None:
    """The newest run ends without a model."""
    world.end("Failed")
    world.runs[world.made[-1]]["status"]["conditions"] = [
        {"type": "Stalled", "status": "True", "reason": reason, "message": "why"}
    ]


def nothing_new(world: World) -> None:
    world.end(version="")
    world.runs[world.made[-1]]["status"]["conditions"] = [
        {"type": "Registered", "status": "False", "reason": "NothingNew", "message": "why"}
    ]


def made(world: World, place: int = -1) -> dict[str, Any]:
    spec: dict[str, Any] = world.runs[world.made[place]]["spec"]
    return spec


def test_a_run_continues_the_version_that_serves() -> None:
    found = world()
    found.settle(DRIFTED)
    assert made(found)["incremental"] == {"base": BASE}
    assert made(found)["cause"] == "Emergency"
    assert found.status.turns[0].base == BASE
    assert condition(found, "Continuable") == ("True", "Continuing")
    (told,) = [notice for notice in found.told if notice.reason == "TrainingRunOrdered"]
    assert f"continues {BASE}" in told.message


def test_mode_full_says_nothing_of_it() -> None:
    found = world(mode="Full")
    found.settle(DRIFTED)
    assert "incremental" not in made(found)
    assert condition(found, "Continuable") == ("", "")
    assert found.status.turns[0].base == ""


def test_where_nothing_serves_that_could_be_continued_it_trains_in_full() -> None:
    found = world(version="")
    found.settle(DRIFTED)
    assert "incremental" not in made(found)
    assert condition(found, "Continuable") == ("False", "NothingToContinue")
    assert "trains in full" in found.told[0].message


@pytest.mark.parametrize("reason", UNCONTINUABLE)
def test_a_base_that_cannot_be_continued_is_told_and_the_next_run_trains_in_full(reason: str) -> None:
    found = world()
    found.settle(DRIFTED)
    failed(found, reason)
    found.settle(DRIFTED)
    assert condition(found, "Continuable") == ("False", reason)
    found.later(11)
    found.settle(DRIFTED)
    assert len(found.made) == 2
    assert "incremental" not in made(found)
    found.end(version="7")
    found.promote("7")
    found.settle(STABLE)
    assert condition(found, "Continuable") == ("True", "Continuing"), "what serves now is another base"


def test_a_failure_of_another_kind_changes_nothing() -> None:
    found = world()
    found.settle(DRIFTED)
    failed(found, "SourceUnreadable")
    found.settle(DRIFTED)
    found.later(11)
    found.settle(DRIFTED)
    assert made(found)["incremental"] == {"base": BASE}


def test_the_run_that_is_written_down_keeps_its_base_whatever_serves_by_then() -> None:
    found = world()
    found.step(DRIFTED)
    assert found.status.turns[0].outcome == "Requested"
    assert found.made == []
    found.promote("9")
    found.settle(DRIFTED)
    assert made(found)["incremental"] == {"base": BASE}


def test_nothing_new_is_no_failure_and_is_said() -> None:
    found = world()
    for _ in range(4):
        found.settle(DRIFTED)
        nothing_new(found)
        found.settle(DRIFTED)
        assert "NothingNew" in found.status.message
        found.later(11)
    assert len(found.made) == 4, "no back-off, and no freeze"
    assert found.status.turns[0].reason == "NothingNew"
    assert found.status.frozen is None


def test_three_promotions_of_steps_are_no_frenzy() -> None:
    found = world()
    for version in "789":
        found.turn(version, promoted=True)
    found.settle(DRIFTED)
    assert len(found.made) == 4
    assert found.status.frozen is None
    assert [made(found, place)["incremental"]["base"] for place in range(4)] == [
        f"models:/fraud/{version}" for version in (6, 7, 8, 9)
    ]


def test_a_way_back_forks_the_lineage_and_is_no_oscillation() -> None:
    found = world()
    found.promote("6")
    found.turn("7", promoted=True)
    found.roll_back("7")
    assert found.served is not None
    found.served = replace(found.served, version="6")
    found.settle(DRIFTED)
    assert found.status.flips == 0
    assert found.status.frozen is None
    assert made(found)["incremental"] == {"base": BASE}


def test_steps_that_never_come_to_serve_still_end_it() -> None:
    found = world()
    for version in "78":
        found.turn(version)
    found.settle(DRIFTED)
    assert len(found.made) == 2
    assert condition(found, "Frozen") == ("True", "NotImproving")


def ended(*moves: tuple[str, str]) -> tuple[Ended, ...]:
    """The history of a rollout, newest first, from its beginning."""
    return tuple(Ended(version, f"sha-{version}", outcome, START) for version, outcome in reversed(moves))


def test_only_the_way_back_from_a_step_is_left_out() -> None:
    back = ended(("1", "Promoted"), ("2", "Promoted"), ("2", "RolledBack"))
    again = ended(("1", "Promoted"), ("2", "Promoted"), ("1", "Promoted"))
    long_ago = START.replace(year=2000)
    for history in (back, again):
        assert flips(history, long_ago) == 1
        assert flips(history, long_ago, {"2"}) == 0
        assert flips(history, long_ago, {"1"}) == 1
