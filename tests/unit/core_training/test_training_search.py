"""A search is counted, shown and capped before anything starts, and its Job has as many pods as share it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec, TrainingRunStatus
from slipway.core.training import decide
from slipway.core.training_search import pods_of, search_ahead
from slipway.validation import check_spec

from tests.unit.core_training.attempts import NOW, RAW, REPORT, begun, condition, follow, job, pod, snapshot

GRID: dict[str, Any] = {
    "algorithm": "Grid",
    "space": {
        "max_iter": {"choices": ["1", "2", "3", "4", "5"]},
        "C": {"range": {"low": "1", "high": "4", "step": "1"}},
    },
}


def spec(tuning: Any, **more: Any) -> TrainingRunSpec:
    return TrainingRunSpec.model_validate({**RAW, "tuning": tuning, **more})


def findings(tuning: Any) -> list[str]:
    return [f"{one.severity} {one}" for one in check_spec("TrainingRun", {**copy.deepcopy(RAW), "tuning": tuning})[1]]


def test_the_number_of_runs_is_in_status_before_there_is_a_job() -> None:
    first = decide(snapshot(spec={"tuning": GRID}), NOW)
    assert first.actions == ()
    assert first.status is not None
    assert first.status["search"] == {"algorithm": "Grid", "runs": 20}
    assert "takes 20 runs" in condition(first, "Reconciling")["message"]
    second = decide(follow(first, snapshot(spec={"tuning": GRID})), NOW)
    assert len(second.actions) == 1


@pytest.mark.parametrize("change", [{"spec": {"tuning": GRID, "suspend": True}}, {"task": None}])
def test_the_number_of_runs_is_in_status_of_a_run_that_may_not_start_yet(change: dict[str, Any]) -> None:
    plan = decide(snapshot(**{"spec": {"tuning": GRID}, **change}), NOW)
    assert plan.status is not None
    assert plan.status["search"] == {"algorithm": "Grid", "runs": 20}
    assert "job" not in plan.status


def test_a_person_who_held_a_search_back_sees_its_size_as_the_spec_is_now() -> None:
    held = snapshot(spec={"tuning": GRID, "suspend": True})
    first = decide(held, NOW)
    assert "takes 20 runs" in condition(first, "Ready")["message"]
    shorter = {**GRID, "space": {"max_iter": {"choices": ["1", "2"]}}}
    then = decide(follow(first, snapshot(spec={"tuning": shorter, "suspend": True})), NOW)
    assert then.status is not None
    assert then.status["search"]["runs"] == 2
    none = decide(follow(first, snapshot(spec={"suspend": True})), NOW)
    assert none.status is not None
    assert "search" not in none.status


def test_a_search_beyond_its_cap_is_refused_with_its_size() -> None:
    (found,) = findings({**GRID, "maxRuns": 19})
    assert found.startswith("Error spec.tuning.maxRuns")
    assert "takes 20 runs" in found
    assert findings({**GRID, "maxRuns": 20}) == []
    assert "takes 40 runs" in findings({"algorithm": "Random", "trials": 40, "maxRuns": 39})[0]


def test_more_than_three_dimensions_are_warned_of() -> None:
    space = {name: {"choices": ["1", "2"]} for name in ("a", "b", "c", "d")}
    (found,) = findings({"algorithm": "Random", "trials": 5, "space": space})
    assert found.startswith("Warning spec.tuning.space")
    assert "4 dimensions" in found
    del space["d"]
    assert findings({"algorithm": "Random", "trials": 5, "space": space}) == []


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"low": "0", "high": "1", "step": "0"}, "more than 0"),
        ({"low": "0", "high": "1", "step": "2"}, "must not exceed"),
        ({"low": "1", "high": "10", "step": "1", "scale": "Log"}, "scale: Linear"),
    ],
)
def test_a_step_that_makes_no_values_is_refused(bounds: dict[str, str], said: str) -> None:
    (found,) = findings({"algorithm": "Random", "trials": 5, "space": {"a": {"range": bounds}}})
    assert found.startswith("Error spec.tuning.space.a.range.step")
    assert said in found


def test_without_a_search_nothing_is_said_of_one() -> None:
    assert search_ahead(spec(None), "BinaryClassification") is None
    assert search_ahead(spec({"algorithm": "None"}), "BinaryClassification") is None
    assert pods_of(spec({"algorithm": "None", "parallelism": 4})) == 1


def test_pods_share_a_search_and_the_first_one_tells() -> None:
    tuning = {"algorithm": "Random", "trials": 8, "parallelism": 3}
    assert pods_of(spec(tuning)) == 3
    ready = snapshot(spec={"tuning": tuning}, status=TrainingRunStatus(job="run-train", phase="Pending"))
    (create,) = decide(ready, NOW).actions
    assert {key: create.manifest["spec"][key] for key in ("completionMode", "completions", "parallelism")} == {
        "completionMode": "Indexed", "completions": 3, "parallelism": 3,
    }  # fmt: skip
    helped = pod({"pod": 1, "steps": []}, made="2", exitCode=0)
    at_work = begun(spec={"tuning": tuning}, job=job(), pods=(pod(None, "Running"), helped))
    plan = decide(at_work, NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Running"
    assert condition(plan, "Reconciling")["reason"] == "Training"
    done = begun(spec={"tuning": tuning}, job=job("Complete"), pods=(helped, pod(REPORT)))
    assert condition(decide(done, NOW), "Ready")["status"] == "True"


def test_what_the_search_found_is_kept() -> None:
    told = {
        **REPORT,
        "search": {
            "algorithm": "Grid", "runs": 20, "folds": 5, "done": 21, "default": "0.85", "best": "0.92", "gain": "0.07",
            "parameters": {"C": "2"},
        },
    }  # fmt: skip
    plan = decide(begun(job=job("Complete"), pods=(pod(told),)), NOW)
    assert plan.status is not None
    assert plan.status["search"] == told["search"]
