"""What keeps a RetrainPolicy from training: a run under way, a cooldown, a budget, a rollout, a person."""

from __future__ import annotations

from datetime import timedelta

from slipway.core.retrain.snapshot import Served
from slipway.validation import check_spec, errors

from tests.unit.drift.policy_world import DRIFTED, RAW, STABLE, START, TEMPLATE, World, condition


def test_one_run_while_it_trains_then_a_cooldown_from_its_end_then_the_next() -> None:
    world = World()
    for _ in range(30):
        world.settle(DRIFTED)
        world.later(1)
    assert len(world.made) == 1
    world.end()
    world.settle(DRIFTED)
    assert world.status.state == "Cooldown"
    assert world.status.cooldown_until == world.now + timedelta(minutes=10)
    world.later(9)
    world.settle(DRIFTED)
    assert len(world.made) == 1
    world.later(2)
    world.settle(DRIFTED)
    assert len(world.made) == 2


def test_the_budget_ends_it_until_its_time_is_over() -> None:
    world = World()
    for _ in range(4):
        world.settle(DRIFTED)
        world.end("Failed")
        world.later(25)
        world.settle(DRIFTED)
    assert len(world.made) == 2
    assert condition(world, "DriftConfirmed") == ("True", "BudgetExhausted")
    assert world.status.state == "Confirmed"
    world.end("Failed")
    world.later(24 * 60)
    world.settle(DRIFTED)
    assert len(world.made) == 3


def test_no_budget_no_run() -> None:
    world = World(spec={**RAW, "budget": {"triggered": 0}})
    world.settle(DRIFTED)
    assert world.made == []
    assert world.status.state == "Confirmed"
    assert world.status.causes == ("inputs",)


def test_suspend_triggers_nothing_and_says_so() -> None:
    world = World(spec={**RAW, "suspend": True})
    world.settle(DRIFTED)
    assert world.made == []
    assert condition(world, "Ready") == ("False", "Suspended")


def test_a_run_that_a_person_holds_back_does_not_keep_others_from_training() -> None:
    held = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "suspend": True}}
    world = World(spec={**RAW, "runTemplate": held})
    world.settle(DRIFTED)
    assert world.status.state == "Cooldown"
    world.later(11)
    world.settle(DRIFTED)
    assert len(world.made) == 2


def test_another_run_with_the_policys_label_counts_as_under_way() -> None:
    world = World()
    labels = {"slipway.dev/policy": "policy"}
    metadata = {"name": "manual", "uid": "m", "labels": labels, "creationTimestamp": START.isoformat()}
    world.runs["manual"] = {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": metadata,
        "spec": {},
    }
    world.settle(DRIFTED)
    assert world.made == []
    assert condition(world, "DriftConfirmed") == ("True", "SingleFlight")


def test_a_version_on_its_way_into_traffic_is_waited_for() -> None:
    world = World()
    world.settle(DRIFTED)
    world.end(version="7")
    world.served = Served("r1", gated=("7",))
    world.settle(DRIFTED)
    assert world.status.state == "Gate"
    world.served = Served("r1", rolling=("7",))
    world.later(60)
    world.settle(DRIFTED)
    assert world.status.state == "Rollout"
    assert len(world.made) == 1
    world.served = Served("r2", ())
    world.settle(STABLE)
    assert world.status.state == "Healthy"


def test_a_run_deleted_by_hand_is_not_made_again_and_begins_a_cooldown() -> None:
    world = World()
    world.settle(DRIFTED)
    world.later(30)
    world.runs.clear()
    world.settle(DRIFTED)
    assert world.status.state == "Cooldown"
    assert world.status.last_run is not None
    assert world.status.last_run.outcome == "Deleted"
    assert world.status.cooldown_until == world.now + timedelta(minutes=10)
    assert len(world.made) == 1


def test_the_cooldown_doubles_with_each_run_in_a_row_that_failed_up_to_the_time_of_the_budget() -> None:
    world = World(spec={**RAW, "budget": {"triggered": 99, "per": "25m"}})
    pauses = []
    for _ in range(3):
        world.settle(DRIFTED)
        world.end("Failed")
        world.settle(DRIFTED)
        assert world.status.cooldown_until is not None
        pauses.append((world.status.cooldown_until - world.now) / timedelta(minutes=1))
        world.now = world.status.cooldown_until
    assert pauses == [10, 20, 25]
    world.settle(DRIFTED)
    world.end("Succeeded")
    world.settle(DRIFTED)
    assert world.status.cooldown_until == world.now + timedelta(minutes=10)


def test_a_template_whose_runs_would_be_refused_is_refused_itself() -> None:
    search = {"algorithm": "Grid", "maxRuns": 3, "space": {"C": {"choices": ["1", "2", "3", "4"]}}}
    template = {**RAW["runTemplate"], "spec": {**RAW["runTemplate"]["spec"], "tuning": search}}
    _, findings = check_spec("RetrainPolicy", {**RAW, "runTemplate": template})
    (found,) = errors(findings)
    assert found.path == "spec.runTemplate.spec.tuning.maxRuns"
    assert "takes 4 runs" in found.message
