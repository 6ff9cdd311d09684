"""The controller asks Prometheus as little as it can, and only believes what is fresh."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
from slipway.controllers.retrain import RetrainController, slot_seconds
from slipway.core.drift_queries import FRESHNESS, MISSING, REFERENCE, SCORE_REFERENCE, SCORES, UNSEEN
from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.world import ModelVersion, Sample, Settings

FEATURES_ASKED = 1 + 1 + 2 + 3
"""Freshness, reference, missing and unseen values, three windows."""

ASKED = FEATURES_ASKED + 1 + 1 + 1
"""And the freshness, reference and window of the scores, whose slot is longer."""

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPEC: dict[str, Any] = {
    "rolloutRef": {"name": "fraud"},
    "triggers": [
        {
            "name": "inputs",
            "type": "Drift",
            "drift": {"window": "1m", "psi": "0.2", "confirm": {"windows": 2, "of": 3}},
        },
        {"name": "scores", "type": "Predictions", "predictions": {"psi": "0.2"}},
    ],
    "runTemplate": {
        "spec": {
            "taskRef": {"name": "fraud"},
            "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
            "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        }
    },
}
STATUS = {
    "variants": [
        {"name": "stable", "revision": "r1", "version": "1"},
        {"name": "candidate", "revision": "r2", "version": "2"},
    ],
    "target": {"version": "2"},
    "stage": {"name": "canary", "type": "Canary"},
    "history": [
        {"version": "1", "digest": "sha-1", "outcome": "Promoted", "endedAt": "2026-11-22T12:00:00Z"},
        {"version": "0", "digest": "sha-0", "outcome": "Failed"},
    ],
}


def made(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    labels = parts.pop("labels", {})
    metadata = {"name": name, "namespace": "team", "uid": f"uid-{name}", "labels": labels}
    metadata["creationTimestamp"] = "2026-11-22T12:00:00Z"
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, **parts}


def bucket(number: int, value: float, rollout: str = "team/fraud", revision: str = "r1") -> Sample:
    labels = {"rollout": rollout, "revision": revision, "feature": "amount", "bucket": str(number)}
    return Sample(labels, value)


def score(number: int, value: float) -> Sample:
    return Sample({"rollout": "team/fraud", "revision": "r1", "bucket": str(number)}, value)


class FakeWorld:
    """Fixed objects; live rows of two revisions and of another rollout."""

    def __init__(self, status: Mapping[str, Any] = STATUS, age: float = 5) -> None:
        self.settings = Settings()
        self.asked: list[str] = []
        self.age = age
        self.down = False
        self.missing = 10.0
        self._objects = [
            made("ModelRollout", "fraud", status=status),
            made("TrainingRun", "mine", labels={"slipway.dev/policy": "policy"}),
            made("TrainingRun", "other"),
        ]

    def get(self, key: ObjectKey) -> Mapping[str, Any] | None:
        found = (each for each in self._objects if each["kind"] == key.kind and each["metadata"]["name"] == key.name)
        return next(found, None)

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        wanted = labels.items()
        return [o for o in self._objects if o["kind"] == kind and wanted <= o["metadata"]["labels"].items()]

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        self.asked.append(promql)
        if self.down:
            return Unavailable("PrometheusUnavailable", "away")
        if promql == FRESHNESS:
            return [Sample({"rollout": "team/fraud", "revision": "r1"}, now.timestamp() - self.age)]
        if promql == REFERENCE:
            return [bucket(0, 0.5), bucket(1, 0.5), bucket(0, 1.0, revision="r2")]
        if MISSING in promql or UNSEEN in promql:
            labels = {"rollout": "team/fraud", "revision": "r1", "feature": "amount"}
            return [Sample(labels, self.missing if MISSING in promql else 0.0)]
        if promql == SCORE_REFERENCE:
            return [score(0, 0.9), score(1, 0.1)]
        if SCORES in promql:
            return [score(0, 700), score(1, 300)]
        return [bucket(0, 900), bucket(1, 100), bucket(0, 5, revision="r2"), bucket(0, 7, rollout="team/other")]

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        raise NotImplementedError


POLICY = made("RetrainPolicy", "policy", spec=SPEC)


def test_it_sees_the_stable_revision_its_own_runs_and_the_windows_of_the_trigger() -> None:
    world = FakeWorld()
    seen = asyncio.run(RetrainController().observe(POLICY, world, NOW))
    assert [run["metadata"]["name"] for run in seen.runs] == ["mine"]
    assert seen.served is not None
    assert (seen.served.revision, seen.served.version, seen.served.rolling) == ("r1", "1", ("2",))
    assert [(each.version, each.outcome) for each in seen.served.history] == [("1", "Promoted")]
    look, scores = seen.looks
    assert (look.drifted, look.needed, look.features[0].rows) == (3, 2, 1000)
    assert (scores.trigger, scores.confirmed, scores.drifting) == ("scores", True, ("predictions",))
    assert len(world.asked) == ASKED
    assert seen.inactive == ()
    assert seen.damage == ()


@pytest.mark.parametrize(
    ("registered", "spec", "held", "told"),
    [
        ("fraud", {"model": {"type": "MLflow", "mlflow": {"name": "fraud"}}}, "", False),
        ("other", {"model": {"type": "MLflow", "mlflow": {"name": "fraud"}}}, "", True),
        ("other", {}, "fraud", True),
        ("other", {"model": {"type": "Image", "image": {"image": "r/m@sha256:1"}}}, "fraud", False),
        ("", {"model": {"type": "MLflow", "mlflow": {"name": "fraud"}}}, "", False),
    ],
)
def test_it_is_told_when_runs_register_another_model_than_the_rollout_serves(
    registered: str, spec: Mapping[str, Any], held: str, told: bool
) -> None:
    world = FakeWorld({**STATUS, "target": {"version": "2", "model": held}})
    world._objects[0]["spec"] = spec
    policy = copy.deepcopy(POLICY)
    if registered:
        policy["spec"]["runTemplate"]["spec"]["register"] = {"model": registered}
    controller = RetrainController()
    plan = controller.decide(asyncio.run(controller.observe(policy, world, NOW)), NOW)
    assert plan.status is not None
    said = [each for each in plan.status["conditions"] if each["type"] == "RegistersServedModel"]
    assert [(each["status"], each["reason"]) for each in said] == ([("False", "OtherModel")] if told else [])
    if told:
        message = said[0]["message"]
        assert "runTemplate.spec.register.model is 'other'" in message
        assert "spec.model.mlflow.name of ModelRollout 'fraud' is 'fraud'" in message


@pytest.mark.parametrize("outcome", ["Requested", "Running"])
def test_a_run_whose_label_was_taken_off_is_followed_and_not_made_again(outcome: str) -> None:
    world = FakeWorld()
    turn = {"name": "other", "causes": ["inputs"], "budget": "Triggered", "outcome": outcome,
            "createdAt": "2026-11-22T12:00:00Z"}  # fmt: skip
    policy = {**POLICY, "status": {"turns": [turn], "lastRun": turn}}
    seen = asyncio.run(RetrainController().observe(policy, world, NOW))
    plan = RetrainController().decide(seen, NOW)
    assert plan.actions == ()
    assert plan.status is not None
    assert plan.status["lastRun"]["outcome"] == "Pending", "as the run says, not as if it were gone"
    assert plan.status["state"] == "Retraining"
    world.get(ObjectKey("slipway.dev/v1alpha1", "TrainingRun", "team", "other"))["status"] = {"phase": "Failed"}
    seen = asyncio.run(RetrainController().observe({**policy, "status": plan.status}, world, NOW))
    ended = RetrainController().decide(seen, NOW).status
    assert ended is not None
    assert ended["lastRun"]["outcome"] == "Failed"


def test_values_that_are_mostly_missing_are_damage_and_no_drift() -> None:
    world = FakeWorld()
    world.missing = 3000.0
    seen = asyncio.run(RetrainController().observe(POLICY, world, NOW))
    assert seen.damage == ("feature amount: more than half of the values are missing",)


def test_within_a_slot_it_asks_once_and_in_the_next_again() -> None:
    world, controller = FakeWorld(), RetrainController()
    for seconds in (0, 2, 4):
        asyncio.run(controller.observe(POLICY, world, NOW + timedelta(seconds=seconds)))
    assert len(world.asked) == ASKED
    asyncio.run(controller.observe(POLICY, world, NOW + timedelta(seconds=5)))
    assert len(world.asked) == ASKED + FEATURES_ASKED


def test_what_could_not_be_read_is_asked_for_again() -> None:
    world, controller = FakeWorld(), RetrainController()
    world.down = True
    seen = asyncio.run(controller.observe(POLICY, world, NOW))
    assert seen.looks[0].problem is not None
    world.down = False
    assert asyncio.run(controller.observe(POLICY, world, NOW)).looks[0].confirmed


@pytest.mark.parametrize(
    ("status", "age", "reason"),
    [(STATUS, 61, "StaleMetrics"), ({"variants": [{"name": "stable", "revision": "r9"}]}, 5, "NoMetrics")],
)
def test_stale_or_absent_series_are_unknown(status: Mapping[str, Any], age: float, reason: str) -> None:
    seen = asyncio.run(RetrainController().observe(POLICY, FakeWorld(status, age), NOW))
    assert seen.looks[0].problem is not None
    assert seen.looks[0].problem.reason == reason


def test_nothing_is_asked_while_nothing_is_served() -> None:
    world = FakeWorld({})
    seen = asyncio.run(RetrainController().observe(POLICY, world, NOW))
    assert world.asked == []
    assert seen.looks == ()


@pytest.mark.parametrize(
    ("window", "slot"), [("30s", 5), ("9m", 5), ("10m", 60), ("4h", 144), ("24h", 300), ("7d", 300)]
)
def test_long_windows_are_looked_at_rarely(window: str, slot: float) -> None:
    assert slot_seconds(DriftTrigger.model_validate({"window": window})) == slot
