"""A TrainingRun that continues a version: what its Job says becomes status and conditions."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.api.v1alpha1.trainingrun import TrainingRunStatus
from slipway.core.plan import Plan
from slipway.core.training import decide

from tests.unit.core_training.attempts import LATER, NOW, REPORT, begun, condition, follow, job, pod

BASE = "models:/fraud/7"
SPEC: dict[str, Any] = {
    "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "StochasticGradient"}}, "incremental": {"base": BASE},
}  # fmt: skip
BATCH = {
    "digest": "sha256:b2", "rows": 400, "judged": 300,
    "since": "2026-11-01T00:00:00.123456789+00:00", "until": "2026-11-20T00:00:00+00:00",
}  # fmt: skip
FORGOT = {"type": "Forgetting", "status": "True", "reason": "Forgot", "message": "0.9 -> 0.6"}
GROWN = REPORT | {
    "rows": {"read": 2000, "learnt": 400, "judged": 300, "retained": 180},
    "conditions": [FORGOT],
    "metrics": [{"name": "recall", "value": "0.9", "low": "0.8", "high": "1", "split": "prequential"}],
    "increment": {"base": BASE, "lineage": "sha256:l", "before": 1, "batches": [BATCH]},
}
WAITING = {
    "runId": "r2", "version": "", "dataDigest": "sha256:bb", "evaluation": "waiting", "rows": {"read": 1600},
    "increment": {"base": BASE, "lineage": "sha256:l", "before": 1, "batches": [], "waiting": "nothing new since then"},
}  # fmt: skip


def told(report: dict[str, Any]) -> Plan:
    return decide(begun(spec=SPEC, job=job("Complete"), pods=(pod(report),)), NOW)


def test_what_was_learnt_stands_in_status() -> None:
    plan = told(GROWN)
    assert plan.status is not None
    grown = plan.status["increment"]
    assert (grown["base"], grown["lineage"], grown["before"]) == (BASE, "sha256:l", 1)
    assert (grown["batches"][0]["rows"], grown["batches"][0]["judged"]) == (400, 300)
    assert grown["batches"][0]["since"].startswith("2026-11-01T00:00:00")
    assert plan.status["metrics"][0]["split"] == "prequential"
    assert condition(plan, "Forgetting")["status"] == "True"
    assert "learnt 400, judged 300, retained 180" in condition(plan, "DataValid")["message"]
    assert plan.status["phase"] == "Succeeded", "forgetting warns"


def test_nothing_new_ends_the_run_well_and_without_a_version() -> None:
    plan = told(WAITING)
    assert plan.status is not None
    assert plan.status["phase"] == "Succeeded"
    assert not plan.status.get("version")
    assert (condition(plan, "Ready")["status"], condition(plan, "Ready")["reason"]) == ("True", "NothingNew")
    assert (condition(plan, "Registered")["status"], condition(plan, "Registered")["reason"]) == ("False", "NothingNew")
    assert plan.status["increment"]["waiting"] == "nothing new since then"
    (notice,) = plan.notices
    assert (notice.type, notice.reason) == ("Normal", "NothingNew")
    seen = begun(spec=SPEC, job=job("Complete"), pods=(pod(WAITING),))
    assert decide(follow(plan, seen), LATER) == Plan()


@pytest.mark.parametrize(("step", "valid"), [("base", ""), ("batches", "False")])
def test_a_base_that_cannot_be_continued_stalls_and_bad_rows_are_told_apart(step: str, valid: str) -> None:
    error = {"step": step, "reason": "ClassUnknown", "message": "train in full", "retryable": False}
    plan = decide(begun(spec=SPEC, job=job("Failed"), pods=(pod({"error": error}, exitCode=1),)), NOW)
    assert condition(plan, "Stalled")["reason"] == "ClassUnknown"
    assert condition(plan, "DataValid").get("status", "") == valid
    assert TrainingRunStatus.model_validate(plan.status).increment is None
