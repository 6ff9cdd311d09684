"""A TrainingRun as a decision sees it: its snapshot, its Job, and pods with their words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slipway.api.v1alpha1.trainingrun import TrainingRunSpec, TrainingRunStatus
from slipway.core.plan import Plan
from slipway.core.training import TrainingSnapshot

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
RAW: dict[str, Any] = {
    "taskRef": {"name": "fraud"},
    "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
    "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
    "register": {"model": "fraud"},
}
REPORT = {
    "runId": "r1",
    "version": "3",
    "modelDigest": "sha256:aa",
    "dataDigest": "sha256:bb",
    "evaluation": "passed",
    "criteria": [{"name": "catch", "met": True, "value": "0.9", "low": "0.8", "bound": "recall >= 0.7"}],
    "steps": [{"name": "acquire", "seconds": "1.6"}],
    "metrics": [{"name": "recall", "value": "0.9", "low": "0.8", "high": "1", "split": "test"}],
}
ERROR = {"step": "validate", "reason": "ColumnMissing", "message": "no column 'x'", "retryable": False}
OUTAGE = {"step": "start", "reason": "MLflowUnavailable", "message": "connection refused", "retryable": True}


def snapshot(**changes: Any) -> TrainingSnapshot:
    raw = {**RAW, **changes.pop("spec", {})}
    base = TrainingSnapshot(
        namespace="team", name="run", uid="u-1", generation=1, raw=raw, spec=TrainingRunSpec.model_validate(raw),
        status=TrainingRunStatus(), task={"goal": "g", "label": {"column": "y"}}, image="pipelines@sha256:1", mlflow="http://mlflow:5000",
    )  # fmt: skip
    return replace(base, **changes)


def job(*conditions: str, suspend: bool = False, at: str = "2026-11-23T11:59:50Z") -> dict[str, Any]:
    made = [
        {"type": kind, "status": "True", "reason": f"{kind}Reason", "lastTransitionTime": at} for kind in conditions
    ]
    spec = {"suspend": True} if suspend else {}
    return {"metadata": {"name": "run-train", "uid": "j-1"}, "spec": spec, "status": {"conditions": made}}


def pod(said: Mapping[str, Any] | None = None, phase: str = "Succeeded", made: str = "1", **end: Any) -> dict[str, Any]:
    terminated = {
        "message": json.dumps(said) if said else "",
        "startedAt": "2026-11-23T11:58:00Z",
        "finishedAt": "2026-11-23T11:59:00Z",
        **end,
    }
    statuses = [{"state": {"terminated": terminated}}] if phase != "Running" else [{"state": {"running": {}}}]
    return {"metadata": {"creationTimestamp": made}, "status": {"phase": phase, "containerStatuses": statuses}}


def begun(**changes: Any) -> TrainingSnapshot:
    return snapshot(status=TrainingRunStatus(phase="Running", job="run-train"), **changes)


def condition(plan: Plan, kind: str) -> Mapping[str, Any]:
    assert plan.status is not None
    return next((each for each in plan.status["conditions"] if each["type"] == kind), {})


def follow(plan: Plan, now: TrainingSnapshot) -> TrainingSnapshot:
    return replace(now, status=TrainingRunStatus.model_validate(plan.status))
