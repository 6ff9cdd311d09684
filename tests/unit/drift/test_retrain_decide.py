"""A RetrainPolicy as a state machine, played against a small world that can be cut off between any two writes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.retrainpolicy import FeatureDrift, RetrainPolicySpec, RetrainPolicyStatus
from slipway.core.drift import Look
from slipway.core.plan import Create, Delete, Plan, Unavailable
from slipway.core.retrain import decide
from slipway.core.retrain_snapshot import RetrainSnapshot, Served

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"team": "risk"}},
    "spec": {
        "taskRef": {"name": "fraud"},
        "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        "cause": "Redesign",
    },
}
RAW: dict[str, Any] = {
    "rolloutRef": {"name": "fraud"},
    "triggers": [{"name": "inputs", "type": "Drift", "drift": {"window": "1m", "psi": "0.2"}}],
    "cooldown": "10m",
    "budget": {"triggered": 2, "per": "1d"},
    "historyLimit": 1,
    "runTemplate": TEMPLATE,
}
DRIFTED = Look("inputs", (FeatureDrift(name="amount", psi="0.9000", rows=900, verdict="Drifted"),), drifted=1)
STABLE = Look("inputs", (FeatureDrift(name="amount", psi="0.0100", rows=900, verdict="Stable"),))
SUSPECT = replace(DRIFTED, needed=2)
BLIND = Look("inputs", problem=Unavailable("PrometheusUnavailable", "away"))


@dataclass
class World:
    """Runs and the policy's status, as an API server would keep them."""

    now: datetime = START
    status: RetrainPolicyStatus = field(default_factory=RetrainPolicyStatus)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    served: Served | None = field(default_factory=lambda: Served("r1"))
    spec: dict[str, Any] = field(default_factory=lambda: dict(RAW))

    def snapshot(self, look: Look) -> RetrainSnapshot:
        return RetrainSnapshot(
            "team", "policy", "u-1", 1, self.spec, RetrainPolicySpec.model_validate(self.spec), self.status,
            served=self.served, looks=(look,), runs=tuple(self.runs.values()), slot=5.0,
        )  # fmt: skip

    def step(self, look: Look, cut: int = 99) -> Plan:
        """One reconcile; killed after `cut` writes, the status being the last one."""
        plan = decide(self.snapshot(look), self.now)
        for action in plan.actions[:cut]:
            if isinstance(action, Create):
                self.create(action.manifest)
            elif isinstance(action, Delete):
                del self.runs[action.key.name]
        if cut > len(plan.actions):
            self.status = RetrainPolicyStatus.model_validate(plan.status)
        return plan

    def create(self, manifest: Mapping[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if name not in self.runs:
            meta = {**manifest["metadata"], "creationTimestamp": self.now.isoformat(), "uid": f"uid-{name}"}
            self.runs[name] = {**manifest, "metadata": meta}
            self.made.append(name)

    def settle(self, look: Look) -> None:
        for _ in range(5):
            self.step(look)

    def end(self, phase: str = "Succeeded", version: str = "7") -> None:
        """The newest run ends now."""
        self.runs[self.made[-1]]["status"] = {"phase": phase, "version": version, "endedAt": self.now.isoformat()}

    def later(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


def condition(world: World, kind: str) -> tuple[str, str]:
    found = next((each for each in world.status.conditions if each.type == kind), None)
    return (found.status, found.reason) if found else ("", "")


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
    assert run["spec"] == {**TEMPLATE["spec"], "cause": "Refresh"}
    assert run["metadata"]["labels"] == {
        "team": "risk", "app.kubernetes.io/managed-by": "slipway", "slipway.dev/policy": "policy",
    }  # fmt: skip
    assert run["metadata"]["annotations"] == {"slipway.dev/triggers": "inputs"}
    assert run["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert run["metadata"]["name"].startswith("policy-")
    assert len(run["metadata"]["name"]) == len("policy-") + 10


def test_an_emergency_of_the_template_stays_one() -> None:
    world = World()
    world.spec["runTemplate"] = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "cause": "Emergency"}}
    world.settle(DRIFTED)
    assert next(iter(world.runs.values()))["spec"]["cause"] == "Emergency"


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
        world.end()
        world.later(11)
        world.settle(DRIFTED)
    assert len(world.made) == 2
    assert condition(world, "DriftConfirmed") == ("True", "BudgetExhausted")
    assert world.status.state == "Confirmed"
    world.end()
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
    world.served = Served("r1", ("7",))
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


def test_old_runs_of_this_policy_go_and_no_others() -> None:
    world = World(spec={**RAW, "budget": {"triggered": 9, "per": "1d"}})
    for _ in range(3):
        world.settle(DRIFTED)
        world.end()
        world.later(11)
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


@pytest.mark.parametrize("cuts", list(itertools.product((0, 1, 99), repeat=4)))
def test_killed_between_any_two_writes_the_same_single_run_is_made(cuts: tuple[int, ...]) -> None:
    world = World()
    for cut in cuts:
        world.step(DRIFTED, cut)
    world.settle(DRIFTED)
    assert len(world.made) == 1
    assert world.status.last_run is not None
    assert world.status.last_run.name == world.made[0]
    assert world.status.state == "Retraining"


moves = st.lists(st.tuples(st.sampled_from("dsub"), st.sampled_from([0, 1, 99]), st.integers(0, 20)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_whatever_happens_never_two_runs_at_once_nor_more_than_the_budget(
    steps: list[tuple[str, int, int]],
) -> None:
    looks = {"d": DRIFTED, "s": STABLE, "u": SUSPECT, "b": BLIND}
    world = World()
    for kind, cut, minutes in steps:
        world.later(minutes)
        busy = [name for name, run in world.runs.items() if "status" not in run]
        before = len(world.made)
        world.step(looks[kind], cut)
        assert len(world.made) - before <= 1
        assert not (busy and len(world.made) > before)
        if minutes > 15 and world.made and world.made[-1] in world.runs:
            world.end("Failed", "")
    assert len(world.made) <= 2
