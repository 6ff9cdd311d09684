"""The controllers see what they should, and nothing of others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slipway.controllers.task import TaskController
from slipway.controllers.training import TrainingController
from slipway.core.plan import ObjectKey, Plan, Unavailable
from slipway.runtime.world import ModelVersion, Sample, Settings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TASK_SPEC: dict[str, Any] = {
    "goal": "g", "justification": "Complex", "type": "BinaryClassification",
    "label": {"column": "y", "positive": "1"}, "serving": {"mode": "Inline", "latency": {"p99": "100ms"}},
    "features": [{"name": "a", "type": "Numeric"}], "metrics": {"primary": "roc_auc"},
    "criteria": [{"name": "good", "expression": "roc_auc >= 0.8"}],
}  # fmt: skip
RUN_SPEC: dict[str, Any] = {
    "taskRef": {"name": "fraud"},
    "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
    "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
    "refit": "AllMatured",
}


def made(kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "team", "uid": f"uid-{name}", "generation": 2, **metadata}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


class FakeWorld:
    """A world of fixed objects."""

    def __init__(self, *objects: Mapping[str, Any]) -> None:
        self.settings = Settings(pipelines_image="image", mlflow="http://mlflow")
        self._objects = objects

    def get(self, key: ObjectKey) -> Mapping[str, Any] | None:
        found = (each for each in self._objects if each["kind"] == key.kind and each["metadata"]["name"] == key.name)
        return next(found, None)

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        wanted = labels.items()
        return [
            each
            for each in self._objects
            if each["kind"] == kind and wanted <= (each["metadata"].get("labels") or {}).items()
        ]

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        raise NotImplementedError

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        raise NotImplementedError


def pod(name: str, owner: str) -> dict[str, Any]:
    labels = {"slipway.dev/trainingrun": "run"}
    return made("Pod", name, {}, labels=labels, ownerReferences=[{"uid": owner}])


def test_a_run_sees_its_task_its_job_and_the_pods_of_this_job_only() -> None:
    run = made("TrainingRun", "run", RUN_SPEC)
    job = made("Job", "run-train", {})
    world = FakeWorld(made("ModelTask", "fraud", TASK_SPEC), job, pod("now", "uid-run-train"), pod("before", "gone"))
    seen = asyncio.run(TrainingController().observe(run, world, NOW))
    assert (seen.task, seen.task_uid) == (TASK_SPEC, "uid-fraud")
    assert seen.job is job
    assert [each["metadata"]["name"] for each in seen.pods] == ["now"]
    assert seen.spec is not None
    assert any(field.startswith("spec.refit") for field in seen.inactive)


def test_a_run_with_an_illegal_spec_and_a_broken_task_is_told_what_is_wrong() -> None:
    run = made("TrainingRun", "run", {**RUN_SPEC, "seed": "x"})
    broken = made("ModelTask", "fraud", {**TASK_SPEC, "type": "Guessing"})
    seen = asyncio.run(TrainingController().observe(run, FakeWorld(broken), NOW))
    assert seen.spec is None
    assert "seed" in seen.invalid
    assert "type" in seen.task_invalid


def test_a_task_says_what_is_lost_and_who_uses_it() -> None:
    task = made("ModelTask", "fraud", TASK_SPEC)
    other = made("TrainingRun", "other", {"taskRef": {"name": "churn"}})
    world = FakeWorld(task, made("TrainingRun", "run", RUN_SPEC), other)
    controller = TaskController()
    plan = controller.decide(asyncio.run(controller.observe(task, world, NOW)), NOW)
    assert isinstance(plan, Plan)
    assert plan.status is not None
    assert plan.status["usedBy"] == [{"kind": "TrainingRun", "name": "run"}]
    assert {each["field"] for each in plan.status["limitations"]} == {"id", "entity", "timestamp"}
    ready = next(each for each in plan.status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["observedGeneration"]) == ("True", 2)


def test_an_illegal_task_stalls_with_the_field_named() -> None:
    task = made("ModelTask", "fraud", {**TASK_SPEC, "metrics": {"primary": "rmse"}})
    controller = TaskController()
    plan = controller.decide(asyncio.run(controller.observe(task, FakeWorld(task), NOW)), NOW)
    assert plan.status is not None
    stalled = next(each for each in plan.status["conditions"] if each["type"] == "Stalled")
    assert stalled["status"] == "True"
    assert "metrics" in stalled["message"]


def evaluated(name: str, ended: str, **conditions: str) -> dict[str, Any]:
    said = [
        {"type": kind, "status": status, "reason": "Found", "message": f"of {name}", "lastTransitionTime": ended}
        for kind, status in conditions.items()
    ]
    return made("TrainingRun", name, RUN_SPEC) | {"status": {"runId": "r", "endedAt": ended, "conditions": said}}


def test_a_task_says_what_its_newest_evaluated_run_found() -> None:
    task = made("ModelTask", "fraud", {**TASK_SPEC, "justification": "Changing"})
    world = FakeWorld(
        task,
        evaluated("old", "2026-11-22T10:00:00Z", LeakageDetected="True", CriteriaMet="True"),
        evaluated(
            "new", "2026-11-23T10:00:00Z", LeakageDetected="False", JustificationUnsupported="True", Ready="True"
        ),
        made("TrainingRun", "running", RUN_SPEC),
        evaluated("again", "2026-11-24T10:00:00Z", Reproduced="True")
        | {"spec": {**RUN_SPEC, "reproduces": {"runId": "0" * 32}}},
    )
    controller = TaskController()
    plan = controller.decide(asyncio.run(controller.observe(task, world, NOW)), NOW)
    assert plan.status is not None
    found = {each["type"]: (each["status"], each["message"]) for each in plan.status["conditions"]}
    assert found["LeakageDetected"] == ("False", "TrainingRun new: of new")
    assert found["JustificationUnsupported"][0] == "True"
    assert "CriteriaMet" not in found
    assert found["Ready"][1].startswith("runs and rollouts")
    assert plan.status["justification"] == "Changing: not supported. TrainingRun new: of new"
