"""A TrainingRun from its first reconcile to its end, one table of observations at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.api.v1alpha1.trainingrun import TrainingRunStatus
from slipway.core.plan import Apply, Create, Delete, Plan
from slipway.core.training import decide

from tests.unit.core_training.attempts import (
    ERROR,
    LATER,
    NOW,
    OUTAGE,
    REPORT,
    begun,
    condition,
    follow,
    job,
    pod,
    snapshot,
)


def test_the_job_is_written_down_before_it_is_made() -> None:
    first = decide(snapshot(), NOW)
    assert first.actions == ()
    assert first.requeue_after == 0
    assert first.status is not None
    assert first.status["job"] == "run-train"
    second = decide(follow(first, snapshot()), NOW)
    (create,) = second.actions
    assert isinstance(create, Create)
    assert create.manifest["metadata"]["name"] == "run-train"


def test_the_job_may_be_asked_for_again_and_is_the_same() -> None:
    seen = snapshot(status=TrainingRunStatus(job="run-train", phase="Pending"))
    assert decide(seen, NOW).actions == decide(seen, LATER).actions


@pytest.mark.parametrize(
    ("change", "reason", "named"),
    [
        ({"task": None}, "TaskNotFound", "'fraud'"),
        ({"task_invalid": "spec.goal: is required"}, "TaskInvalid", "spec.goal"),
        ({"image": ""}, "NotConfigured", "images.pipelines"),
        ({"mlflow": ""}, "NotConfigured", "mlflow.url"),
    ],
)
def test_what_is_missing_is_named_and_waited_for(change: dict[str, Any], reason: str, named: str) -> None:
    plan = decide(snapshot(**change), NOW)
    assert plan.actions == ()
    assert condition(plan, "Ready")["status"] == "False"
    assert condition(plan, "Reconciling")["reason"] == reason
    assert named in condition(plan, "Reconciling")["message"]
    assert plan.status is not None
    assert plan.status["phase"] == "Pending"


def test_a_spec_that_is_not_legal_stalls() -> None:
    plan = decide(replace(snapshot(), spec=None, invalid="spec.x: no"), NOW)
    assert condition(plan, "Stalled")["status"] == "True"
    assert condition(plan, "Stalled")["message"] == "spec.x: no"


def test_success_is_kept_whole() -> None:
    plan = decide(begun(job=job("Complete"), pods=(pod(REPORT),)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Succeeded"
    assert {key: plan.status[key] for key in ("runId", "version", "modelDigest", "dataDigest")} == {
        "runId": "r1", "version": "3", "modelDigest": "sha256:aa", "dataDigest": "sha256:bb",
    }  # fmt: skip
    assert plan.status["steps"] == [{"name": "acquire", "seconds": 2, "state": "Succeeded"}]
    assert plan.status["metrics"] == REPORT["metrics"]
    kinds = ("DataValid", "CriteriaMet", "Registered", "Ready")
    assert [condition(plan, kind)["status"] for kind in kinds] == ["True"] * 4
    assert "0.8" in condition(plan, "CriteriaMet")["message"]


def test_an_ended_run_is_left_alone_even_when_its_job_goes() -> None:
    seen = begun(job=job("Complete"), pods=(pod(REPORT),))
    done = follow(decide(seen, NOW), replace(seen, job=None, pods=()))
    assert decide(done, LATER) == Plan()


def test_what_the_data_said_stands_in_conditions_and_nothing_that_a_report_may_not_say() -> None:
    said = [
        {"type": "LeakageDetected", "status": "True", "reason": "PredictsAlone", "message": "'x' alone"},
        {"type": "Ready", "status": "True", "reason": "Forged", "message": "no"},
        {"type": "DataWarnings", "status": "Perhaps", "reason": "Odd", "message": "no"},
    ]
    counts = {"read": 10, "train": 6, "validation": 2, "test": 2, "novel": 1}
    told = {**REPORT, "conditions": said, "rows": counts, "noise": "0.04"}
    plan = decide(begun(job=job("Complete"), pods=(pod(told),)), NOW)
    assert condition(plan, "LeakageDetected")["reason"] == "PredictsAlone"
    assert condition(plan, "Ready")["reason"] != "Forged"
    assert condition(plan, "DataWarnings") == {}
    assert "10 rows" in condition(plan, "DataValid")["message"]
    assert "novel 1" in condition(plan, "DataValid")["message"]
    assert plan.status is not None
    assert plan.status["noise"] == "0.04"


def test_criteria_that_are_not_met_fail_the_run_and_keep_its_version() -> None:
    missed = {**REPORT, "evaluation": "failed", "criteria": [{**REPORT["criteria"][0], "met": False}]}  # type: ignore[index, dict-item]
    plan = decide(begun(job=job("Complete"), pods=(pod(missed),)), NOW)
    assert plan.status is not None
    assert (plan.status["phase"], plan.status["version"]) == ("Failed", "3")
    assert condition(plan, "CriteriaMet")["reason"] == "CriteriaNotMet"
    assert condition(plan, "Ready")["status"] == "False"
    assert "without the alias" in condition(plan, "Registered")["message"]


def test_a_bound_that_could_not_be_computed_is_unprovable() -> None:
    missed = {**REPORT, "criteria": [{"name": "c", "met": False, "value": "1", "low": "", "bound": "recall >= 1"}]}
    assert condition(decide(begun(job=job(), pods=(pod(missed),)), NOW), "CriteriaMet")["reason"] == "Unprovable"


def test_rules_that_suffice_end_the_run_without_a_model() -> None:
    justified = {"status": "False", "reason": "RulesSuffice", "message": "the rules alone meet every criterion: catch"}
    stopped = {"runId": "r1", "version": "", "dataDigest": "sha256:bb", "evaluation": "stopped", "justified": justified}
    plan = decide(begun(job=job("Complete"), pods=(pod(stopped),)), NOW)
    assert plan.status is not None
    assert (plan.status["phase"], plan.status.get("version")) == ("Failed", None)
    assert condition(plan, "MLJustified")["status"] == "False"
    assert condition(plan, "Stalled")["reason"] == "RulesSuffice"
    assert "ifSufficient" in condition(plan, "Stalled")["message"]


@pytest.mark.parametrize(
    ("asked", "level", "phase"),
    [
        ("Bitwise", "Bitwise", "Succeeded"),
        ("Tolerance", "Bitwise", "Succeeded"),
        ("Tolerance", "Tolerance", "Succeeded"),
        ("Bitwise", "Tolerance", "Failed"),
        ("Tolerance", "Different", "Failed"),
    ],
)
def test_a_repetition_succeeds_where_it_reached_its_level(asked: str, level: str, phase: str) -> None:
    found = {"level": level, "largestDifference": "1e-9", "differs": ["cpu: a -> b"]}
    words = {"runId": "r2", "evaluation": "reproduced", "dataDigest": "sha256:bb", "reproduction": found}
    spec = {"reproduces": {"runId": "a" * 32, "level": asked}, "register": None}
    plan = decide(begun(spec=spec, job=job("Complete"), pods=(pod(words),)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == phase
    assert plan.status["reproduction"] == found
    assert condition(plan, "Reproduced")["status"] == ("True" if phase == "Succeeded" else "False")
    assert "cpu: a -> b" in condition(plan, "Reproduced")["message"]


def test_what_the_job_found_beside_the_model_stands_in_the_status() -> None:
    justified = {"status": "True", "reason": "RulesDoNotSuffice", "message": "the rules alone: catch not met"}
    noted = {**REPORT["criteria"][0], "note": "worst of 3 slices"}  # type: ignore[index, dict-item]
    told = {**REPORT, "openings": 2, "justified": justified, "criteria": [noted]}
    plan = decide(begun(job=job("Complete"), pods=(pod(told),)), NOW)
    assert plan.status is not None
    assert plan.status["testOpenings"] == 2
    assert condition(plan, "MLJustified")["status"] == "True"
    assert "worst of 3 slices" in condition(plan, "CriteriaMet")["message"]


def test_no_criteria_prove_nothing() -> None:
    plan = decide(begun(job=job(), pods=(pod({**REPORT, "criteria": []}),)), NOW)
    assert condition(plan, "CriteriaMet")["status"] == "Unknown"
    assert condition(plan, "Ready")["status"] == "False"


def test_bad_data_ends_the_run_and_names_the_column() -> None:
    words = {"error": ERROR, "steps": [{"name": "validate", "seconds": "0"}]}
    plan = decide(begun(job=job("Failed"), pods=(pod(words, "Failed"),)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Failed"
    assert condition(plan, "DataValid")["status"] == "False"
    assert "no column 'x'" in condition(plan, "Stalled")["message"]
    assert plan.status["steps"][0]["state"] == "Failed"
    assert plan.notices[0].type == "Warning"


def test_an_outage_says_so_while_the_job_tries_again() -> None:
    seen = begun(job=job(), pods=(pod({"error": OUTAGE}, "Failed"),))
    plan = decide(seen, NOW)
    assert condition(plan, "Reconciling")["reason"] == "MLflowUnavailable"
    assert "connection refused" in condition(plan, "Reconciling")["message"]
    assert plan.status is not None
    assert plan.status["phase"] == "Running"
    again = decide(replace(seen, pods=(*seen.pods, pod(None, "Running", "2"))), NOW)
    assert condition(again, "Reconciling")["reason"] == "Training"
    assert "connection refused" in condition(again, "Reconciling")["message"]


def test_a_success_after_an_outage_is_a_success() -> None:
    pods = (pod({"error": OUTAGE}, "Failed", "1"), pod(REPORT, made="2"))
    plan = decide(begun(job=job("Complete"), pods=pods), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Succeeded"


def test_too_little_memory_is_told_apart() -> None:
    plan = decide(begun(job=job("Failed"), pods=(pod(None, "Failed", reason="OOMKilled"),)), NOW)
    assert condition(plan, "Stalled")["reason"] == "OOMKilled"
    assert "limits.memory" in condition(plan, "Stalled")["message"]


def test_a_pod_that_cannot_start_says_why() -> None:
    stuck = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}
    plan = decide(begun(job=job(), pods=({"metadata": {}, "status": stuck},)), NOW)
    assert condition(plan, "Reconciling")["reason"] == "ErrImagePull"


def test_a_lost_report_makes_the_job_anew_after_a_grace() -> None:
    assert decide(begun(job=job("Complete")), NOW).actions == ()
    (delete,) = decide(begun(job=job("Complete")), LATER).actions
    assert isinstance(delete, Delete)
    assert delete.uid == "j-1"


def test_suspend_stops_a_job_and_resume_starts_it_and_nothing_is_written_twice() -> None:
    held = {"suspend": True}
    assert decide(snapshot(spec=held), NOW).actions == ()
    (stop,) = decide(begun(spec=held, job=job()), NOW).actions
    assert isinstance(stop, Apply)
    assert stop.manifest["spec"] == {"suspend": True}
    assert decide(begun(spec=held, job=job(suspend=True)), NOW).actions == ()
    (start,) = decide(begun(job=job(suspend=True)), NOW).actions
    assert isinstance(start, Apply)
    assert start.manifest["spec"] == {"suspend": False}


def test_cancel_is_written_down_before_the_job_goes() -> None:
    seen = begun(spec={"cancel": True}, job=job())
    first = decide(seen, NOW)
    assert first.actions == ()
    assert condition(first, "Cancelled")["status"] == "True"
    (delete,) = decide(follow(first, seen), NOW).actions
    assert isinstance(delete, Delete)


def test_a_steady_state_writes_nothing_new() -> None:
    seen = begun(job=job(), pods=(pod(None, "Running"),))
    first = decide(seen, NOW)
    assert decide(follow(first, seen), LATER).status == first.status


def test_fields_without_effect_are_named() -> None:
    plan = decide(snapshot(inactive=("spec.refit: the evaluated model is the one registered",)), NOW)
    assert "spec.refit" in condition(plan, "InactiveFields")["message"]
