"""A RetrainPolicy as a state machine: what it orders, what it says, and what it cleans up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from slipway.api.v1alpha1.retrain_status import FeatureDrift
from slipway.core.drift import Look
from slipway.core.retrain.decide import decide
from slipway.core.retrain.snapshot import Served

from tests.unit.drift.policy_world import BLIND, DRIFTED, RAW, STABLE, START, SUSPECT, TEMPLATE, World, condition


def test_the_run_is_written_down_then_made_then_followed() -> None:
    world = World()
    first = world.step(DRIFTED)
    assert first.actions == ()
    assert first.requeue_after == 0
    assert world.status.state == "Confirmed"
    assert world.status.last_run is not None
    assert world.status.last_run.outcome == "Requested"
    world.step(DRIFTED)
    assert world.made == [world.status.last_run.name]
    world.step(DRIFTED)
    assert world.status.state == "Retraining"


def test_the_run_carries_the_template_the_policy_and_the_cause() -> None:
    world = World()
    world.settle(DRIFTED)
    (run,) = world.runs.values()
    assert run["spec"] == {**TEMPLATE["spec"], "cause": "Emergency"}
    assert run["metadata"]["labels"] == {
        "team": "risk", "app.kubernetes.io/managed-by": "slipway", "slipway.dev/policy": "policy",
    }  # fmt: skip
    assert run["metadata"]["annotations"] == {"slipway.dev/triggers": "inputs"}
    assert run["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert run["metadata"]["name"].startswith("policy-")
    assert len(run["metadata"]["name"]) == len("policy-") + 10


@pytest.mark.parametrize(
    ("look", "state", "drift"),
    [
        (STABLE, "Healthy", ("False", "NoDrift")),
        (SUSPECT, "Suspected", ("False", "NoDrift")),
        (BLIND, "", ("Unknown", "PrometheusUnavailable")),
        (Look("inputs", ()), "", ("Unknown", "InsufficientData")),
    ],
)
def test_without_a_confirmed_drift_nothing_is_made(look: Look, state: str, drift: tuple[str, str]) -> None:
    world = World()
    world.settle(look)
    assert world.made == []
    assert world.status.state == state
    assert condition(world, "DriftConfirmed") == drift


def test_losing_sight_keeps_what_was_known() -> None:
    world = World()
    world.settle(STABLE)
    world.settle(BLIND)
    assert world.status.state == "Healthy"
    assert world.status.features == STABLE.features
    assert condition(world, "Ready") == ("False", "PrometheusUnavailable")


def test_old_runs_of_this_policy_go_and_no_others() -> None:
    world = World(spec={**RAW, "budget": {"triggered": 9, "per": "1d"}})
    for _ in range(3):
        world.settle(DRIFTED)
        world.end()
        world.later(11)
        world.settle(STABLE)
    foreign = {**world.runs[world.made[-1]], "metadata": {**world.runs[world.made[-1]]["metadata"], "name": "foreign"}}
    foreign["metadata"]["ownerReferences"] = []
    foreign["metadata"]["creationTimestamp"] = (START - timedelta(days=9)).isoformat()
    world.runs["foreign"] = foreign
    world.settle(STABLE)
    assert set(world.runs) == {world.made[-1], "foreign"}


def test_what_is_missing_is_named() -> None:
    world = World(served=None)
    snapshot = replace(world.snapshot(STABLE), looks=())
    for served, reason in ((None, "RolloutNotFound"), (Served(""), "NothingServed")):
        plan = decide(replace(snapshot, served=served), START)
        assert plan.status is not None
        assert plan.status["conditions"][0]["reason"] == reason
    broken = decide(replace(snapshot, spec=None, invalid="spec.cooldown: no"), START)
    assert broken.status is not None
    assert "spec.cooldown" in broken.status["conditions"][0]["message"]


def test_a_steady_state_writes_nothing_new() -> None:
    world = World()
    world.settle(STABLE)
    before = world.status
    quieter = replace(STABLE, features=(FeatureDrift(name="amount", psi="0.0140", rows=930, verdict="Stable"),))
    for look in (STABLE, quieter):
        world.later(1)
        world.settle(look)
    assert world.status == before


def test_the_next_look_is_at_the_slot_that_all_policies_share_or_at_the_end_of_the_cooldown() -> None:
    world = World(now=START + timedelta(seconds=3))
    assert world.step(STABLE).requeue_after == 2
    world.settle(DRIFTED)
    world.end()
    world.spec["cooldown"] = "1s"
    world.step(DRIFTED)
    assert world.step(DRIFTED).requeue_after == 1
