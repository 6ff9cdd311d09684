"""A run that trains by a function of the user's: its Job, what its containers say, and what is refused before."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from slipway.cli.reproduce import repetition
from slipway.cli.tracing import lines, links
from slipway.core.plan import Create
from slipway.core.training import decide
from slipway.validation.manifest import check_spec

from tests.unit.cli.test_provenance_commands import ROLLOUT, RUN, SERVICE
from tests.unit.core_training.attempts import (
    NOW,
    RAW,
    REPORT,
    begun,
    condition,
    follow,
    job,
    pod,
    snapshot,
)

COMMIT = "3f2c1ab" + "0" * 33
GIT: dict[str, Any] = {"url": "https://git.example.com/fraud.git", "ref": "main"}
CODE = {"repository": GIT["url"], "commit": COMMIT, "entrypoint": "fraud.training:build", "difference": ""}
LOST = {"error": {"step": "code", "reason": "CommitNotFound", "message": "push it", "retryable": False}, "steps": []}


def trainer(**git: Any) -> dict[str, Any]:
    return {"type": "Function", "function": {"entrypoint": "fraud.training:build", "git": {**GIT, **git}}}


def test_its_job_has_the_container_of_the_code() -> None:
    asked = snapshot(spec={"trainer": trainer()})
    (create,) = decide(follow(decide(asked, NOW), asked), NOW).actions
    assert isinstance(create, Create)
    containers = create.manifest["spec"]["template"]["spec"]["initContainers"]
    assert [one["name"] for one in containers] == ["fetch", "function"]


def failed(said: Any, **end: Any) -> dict[str, Any]:
    """A pod whose first container has failed: the training container never ran."""
    found = pod(said, "Failed", **end)
    (fetch,) = found["status"].pop("containerStatuses")
    waiting = {"name": "train", "state": {"waiting": {"reason": "PodInitializing"}}}
    found["status"] |= {"initContainerStatuses": [{**fetch, "name": "fetch"}], "containerStatuses": [waiting]}
    return found


def test_a_commit_that_is_not_there_ends_the_run_with_its_words() -> None:
    plan = decide(begun(job=job("Failed"), pods=(failed(LOST),)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Failed"
    assert condition(plan, "Stalled")["reason"] == "CommitNotFound"
    assert condition(plan, "Stalled")["message"] == "code: push it"


def test_a_sidecar_that_was_ended_says_nothing_of_the_run() -> None:
    ended = pod(REPORT)
    sidecar = {"name": "function", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": ""}}}
    ended["status"]["initContainerStatuses"] = [sidecar]
    plan = decide(begun(job=job("Complete"), pods=(ended,)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Succeeded"


def test_a_configmap_that_is_waited_for_is_named() -> None:
    stuck = {"reason": "CreateContainerConfigError", "message": 'secret "git" not found'}
    status = {"initContainerStatuses": [{"name": "fetch", "state": {"waiting": stuck}}]}
    plan = decide(begun(job=job(), pods=({"metadata": {}, "status": status},)), NOW)
    assert 'secret "git"' in condition(plan, "Reconciling")["message"]


def test_the_commit_stands_in_the_status() -> None:
    plan = decide(begun(job=job("Complete"), pods=(pod({**REPORT, "code": CODE}),)), NOW)
    assert plan.status is not None
    assert plan.status["code"] == {name: text for name, text in CODE.items() if text}


def test_trace_shows_the_commit_and_reproduce_asks_for_it() -> None:
    run = copy.deepcopy(RUN)
    run["spec"]["trainer"], run["status"]["code"] = trainer(), CODE
    text = "\n".join(lines(list(links(SERVICE, ROLLOUT, ROLLOUT["status"]["variants"][0], run, {}))))
    assert f"commit={COMMIT}" in text
    assert "dirty" not in text
    again = repetition(run, "Bitwise", "0f0f")["spec"]["trainer"]["function"]
    assert again == {"entrypoint": "fraud.training:build", "git": {"url": GIT["url"], "commit": COMMIT}}
    assert "ref" in run["spec"]["trainer"]["function"]["git"]


@pytest.mark.parametrize(
    ("git", "more", "said"),
    [
        ({"ref": None}, {}, "slipway train FILE"),
        ({"commit": COMMIT}, {}, "slipway train FILE"),
        ({}, {"tuning": {"trials": 3}}, "its trials must be of one code"),
        ({}, {"allow": {"dirtyTree": True}}, "nothing is dirty"),
        ({"url": "https://ada:secret@git.example.com/f"}, {}, "secretRef"),
    ],
)
def test_what_would_not_be_of_one_code_is_said_at_admission(git: Any, more: Any, said: str) -> None:
    named = {name: value for name, value in trainer(**git)["function"]["git"].items() if value is not None}
    spec = {**RAW, "trainer": trainer(), **more}
    spec["trainer"]["function"]["git"] = named
    assert said in json.dumps([str(one) for one in check_spec("TrainingRun", spec)[1]])
