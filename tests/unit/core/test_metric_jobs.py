"""Jobs that measure: when one is made, what it may do, what its words mean, and when it goes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.desired.metric_job import METRIC_LABEL, QUESTION, metric_job
from slipway.core.plan import Create, Delete, Unavailable
from slipway.core.primary import TaskMetrics
from slipway.core.readings import Reading, Readings
from slipway.core.rollout import Snapshot
from slipway.core.rollout.metric_jobs import answer, measure, wanted
from slipway.core.rollout.turn import Turn

from tests.unit.core.test_ratio_questions import CANARY, NOW, snapshot

JOB = {"type": "Job", "job": {"image": "registry.example.com/churn:1", "command": ["churn"], "every": "2m"}}
GATED = {"name": "churn", "template": {"name": "churn"}, "op": "<=", "bound": "5%"}


def gated(jobs: tuple[dict[str, Any], ...] = (), message: str = "", at: str = "canary-10") -> Snapshot:
    """A rollout whose stage has run for 400 seconds under a gate on a Job, with these Jobs; the pods said `message`."""
    found = snapshot(at, [CANARY | {"gates": [GATED]}, CANARY | {"name": "b"}])
    metrics = TaskMetrics(templates={"churn": MetricTemplateSpec.model_validate({"provider": JOB, "unit": "share"})})
    pod = {"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": 0, "message": message}}}]}}
    names = [job["metadata"]["name"] for job in jobs]
    return replace(
        found, metrics=metrics, jobs=dict(zip(names, jobs, strict=True)), job_pods=dict.fromkeys(names, (pod,))
    )


def actions(of: Snapshot, now: datetime = NOW) -> list[Any]:
    assert of.spec is not None
    return list(measure(Turn(of, of.spec, now, of.status)))


def made(seconds: float = 0, ended: str = "") -> dict[str, Any]:
    """The Job of so many seconds ago, as the API server has it."""
    at = NOW - timedelta(seconds=seconds)
    live = metric_job(gated().identity, wanted(gated())[0], at)
    live["metadata"] |= {"uid": f"u-{seconds}", "creationTimestamp": at.astimezone(UTC).isoformat()}
    return live | {
        "status": {"conditions": [{"type": ended, "status": "True", "message": "too late"}] if ended else []}
    }


def test_a_question_is_asked_by_a_job_that_is_owned_and_has_nothing_to_steal() -> None:
    (create,) = actions(gated())
    assert isinstance(create, Create)
    job = create.manifest
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["ownerReferences"][0]["kind"] == "ModelRollout"
    assert (job["metadata"]["namespace"], job["spec"]["backoffLimit"]) == ("ns", 2)
    assert (job["spec"]["activeDeadlineSeconds"], job["spec"]["ttlSecondsAfterFinished"]) == (300, 3600)
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert [volume.keys() & {"secret", "configMap", "hostPath"} for volume in pod["volumes"]] == [set()]
    container = pod["containers"][0]
    assert not any("valueFrom" in each for each in container["env"])
    question = json.loads(next(each["value"] for each in container["env"] if each["name"] == QUESTION))
    assert (question["rollout"], question["revisions"]) == ("ns/fraud", {"candidate": "c", "stable": "s"})
    assert question["window"] == 400


def test_one_at_a_time_and_one_for_each_turn_of_its_rhythm() -> None:
    assert actions(gated((made(),))) == [], "it is made once, whoever restarts"
    assert actions(gated((made(200),))) == [], "the one before still runs"
    (create,) = actions(gated((made(200, "Complete"),)))
    assert isinstance(create, Create)
    assert create.manifest["metadata"]["name"] != made(200)["metadata"]["name"]
    assert actions(gated((made(200, "Failed"), made(0)))) == []


def test_what_has_a_successor_that_ended_and_what_nobody_asks_for_goes() -> None:
    (gone,) = actions(gated((made(200, "Complete"), made(0, "Complete"))))
    assert isinstance(gone, Delete)
    assert (gone.key.name, gone.uid) == (made(200)["metadata"]["name"], "u-200")
    assert [type(each) for each in actions(gated((made(0),), at="b"))] == [Delete]
    going = made(0) | {"metadata": made(0)["metadata"] | {"deletionTimestamp": NOW.isoformat()}}
    assert actions(gated((going,), at="b")) == []


def test_jobs_of_others_are_left_alone() -> None:
    build = {"metadata": {"name": "fraud-build", "uid": "b", "labels": {}}}
    assert [type(each) for each in actions(gated((build,)))] == [Create]


SAID = json.dumps({"time": NOW.isoformat(), "results": [{"revision": "c", "numerator": 3, "denominator": 400}]})


def said(of: Snapshot) -> Readings | Unavailable:
    return answer(of, wanted(of)[0], NOW)


def test_the_last_job_that_ended_answers() -> None:
    found = said(gated((made(200, "Complete"), made(0)), SAID))
    assert isinstance(found, Readings)
    assert found.of == {"c": Reading(400, events=3)}


@pytest.mark.parametrize(
    ("jobs", "message", "reason"),
    [
        ((), SAID, "BeingAsked"),
        ((made(0),), SAID, "BeingAsked"),
        ((made(0, "Complete"),), "", "BadAnswer"),
        ((made(0, "Complete"),), "0.3", "BadAnswer"),
        ((made(200, "Complete"), made(0, "Failed")), SAID, "JobFailed"),
        ((made(0, "Complete"),), SAID.replace("2026", "2025"), "StaleAnswer"),
    ],
)
def test_bad_data_is_no_measurement(jobs: tuple[dict[str, Any], ...], message: str, reason: str) -> None:
    found = said(gated(jobs, message))
    assert isinstance(found, Unavailable)
    assert found.reason == reason


def test_a_changed_template_is_another_question() -> None:
    job = wanted(gated())[0]
    other = replace(job, provider=job.provider.model_copy(update={"image": "registry.example.com/churn:2"}))
    assert job.series != other.series
    assert metric_job(gated().identity, job, NOW)["metadata"]["labels"][METRIC_LABEL] == job.series
