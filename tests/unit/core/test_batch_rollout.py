"""A Batch task: a CronJob in place of services and a route; a version takes over when it was tried on the input."""

from __future__ import annotations

import json

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.batch_world import BATCH, CRON_JOB, BatchWorld, container, pin, scores, scoring, task
from tests.unit.core.simulation import KEY, ROUTE, TASK


def environment(world: BatchWorld) -> dict[str, str]:
    env = container(world.objects[CRON_JOB]["spec"]["jobTemplate"])["env"]
    return {each["name"]: each.get("value", "") for each in env}


def test_the_first_version_is_built_proven_tried_and_then_scores() -> None:
    world = scoring()
    assert world.condition("Ready") == ("True", "Scheduled", "version 1 scores by CronJob fraud-scoring")
    assert world.condition("BatchScored")[:2] == ("Unknown", "NoRunYet")
    assert [line[0] for line in world.trace] == ["Build", "Prove", "Start", ""]
    assert list(world.services()) == []
    assert ROUTE not in world.objects
    assert world.objects[KEY]["metadata"]["finalizers"] == [], "nothing here must go in an order"
    assert world.status["variants"][0] == {
        **world.status["variants"][0],
        "name": "stable",
        "role": "Scoring",
        "version": "1",
        "image": world.image(),
    }
    assert not {"weight", "mirror", "inferenceService", "template"} & set(world.status["variants"][0])


def test_the_cronjob_says_all_that_the_task_says() -> None:
    world = scoring()
    spec = world.objects[CRON_JOB]["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 3 * * *", "Europe/Rome", False)
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 3600)
    request = json.loads(environment(world)["SLIPWAY_SCORING"])
    assert request == {
        "input": "s3://lake/to-score/",
        "output": "file:///data/scores",
        "keys": ["payment", "card"],
        "keep": [],
        "features": ["amount", "country"],
        "sources": {"amount": "sum in EUR"},
        "rowsPerPart": 100_000,
        "maxBadRecords": 0,
        "trial": False,
    }
    assert environment(world)["SLIPWAY_REVISION"] == world.variants()["stable"]["revision"]


def test_without_a_schedule_the_cronjob_is_suspended_and_a_job_is_made_by_hand() -> None:
    world = scoring()
    world.edit(TASK, lambda spec: spec["serving"]["batch"].pop("schedule"))
    world.run(3)
    assert world.objects[CRON_JOB]["spec"]["suspend"] is True
    assert "kubectl create job --from=cronjob/fraud-scoring" in world.condition("Ready")[2]
    world.run_by_hand("now")
    world.run(2)
    assert world.status["batch"]["running"] == "now"
    world.run(10)
    batch = world.status["batch"]
    assert (batch["lastRun"], batch["outcome"], batch["rows"], batch["badRecords"]) == ("now", "Succeeded", 250, 1)
    assert (batch["seconds"], batch["output"]) == (2, "o")
    assert batch["revision"] == world.variants()["stable"]["revision"]
    assert batch["message"] == "250 rows were scored, 1 of them without an answer"
    assert world.condition("BatchScored")[:2] == ("True", "Scored")


def test_a_run_whose_words_have_not_come_yet_still_runs() -> None:
    world = scoring()
    world.words_late = 8
    world.run_by_hand("now")
    world.run(6)
    assert (world.status["batch"].get("lastRun"), world.status["batch"]["running"]) == (None, "now")
    assert world.condition("BatchScored")[:2] == ("Unknown", "NoRunYet")
    world.run(8)
    assert (world.status["batch"]["lastRun"], world.status["batch"]["rows"]) == ("now", 250)


def test_a_trial_whose_words_have_not_come_yet_is_not_judged() -> None:
    world = scoring()
    world.words_late = 8
    world.fate["2"] = {"error": {"reason": "ModelNotLoaded", "message": "the model does not load: EOFError"}}
    pin(world, "2").run(60, lambda w: bool(w.jobs("trial")))  # type: ignore[attr-defined]
    world.run(6)
    assert world.condition("Stalled")[1] == "NotStalled"
    world.run(8)
    assert world.condition("Stalled")[1] == "Rejected"


def test_a_run_whose_words_never_come_has_ended_without_a_number() -> None:
    world = scoring()
    world.words_late = 10_000
    world.run_by_hand("now")
    world.run(100)
    batch = world.status["batch"]
    assert (batch["lastRun"], batch["outcome"], "rows" in batch) == ("now", "Succeeded", False)
    assert "not known, since its pods are gone" in world.condition("BatchScored")[2]


def test_what_a_run_said_outlives_its_job() -> None:
    world = scoring()
    key = world.run_by_hand("now")
    world.run(10)
    before = world.status["batch"]
    world.delete(key)
    world.delete(ObjectKey("v1", "Pod", "ns", "now-x"))
    world.run(3)
    assert world.status["batch"] == before


def test_a_failed_run_is_told_and_changes_nothing() -> None:
    world = scoring()
    world.fate["1"] = {"error": {"reason": "TooManyBadRecords", "message": "row 3: amount: must be a number"}}
    world.run_by_hand("now")
    world.run(10)
    assert world.condition("BatchScored") == (
        *("False", "Failed"), "now: TooManyBadRecords: row 3: amount: must be a number",
    )  # fmt: skip
    assert world.condition("Ready")[0] == "True"


def test_a_new_version_takes_over_when_its_trial_has_passed() -> None:
    world = scoring()
    old = world.image()
    world.job_seconds = 20
    pin(world, "2").run(15)
    assert world.image() == old
    assert world.condition("Progressing")[1] == "Trying"
    assert len(world.jobs("trial")) == 1
    world.run(60, scores("2")).run(3)
    assert world.image() != old
    assert world.jobs("trial") == []
    assert world.variants()["previous"]["version"] == "1"
    assert world.status["history"][0]["message"] == "version 2 scores batches"


def test_pinning_back_switches_at_the_next_reconcile() -> None:
    world = pin(scoring(), "2")
    first = world.image()
    world.run(60, scores("2")).run(3)
    pin(world, "1").settle()
    assert world.image() == first
    assert world.variants()["stable"]["version"] == "1"
    assert world.jobs("trial") == []


def test_the_previous_version_is_let_go_after_its_time() -> None:
    world = pin(scoring(), "2").run(60, scores("2"))
    world.run(310)
    assert set(world.variants()) == {"stable"}


def test_a_version_whose_model_does_not_load_is_rejected() -> None:
    world = scoring()
    old = world.image()
    world.fate["2"] = {"error": {"reason": "ModelNotLoaded", "message": "the model does not load: EOFError"}}
    pin(world, "2").run(60, lambda w: bool(w.status.get("rejected"))).run(5)
    assert world.image() == old
    assert world.condition("Stalled")[1] == "Rejected"
    assert world.status["history"][0]["outcome"] == "Failed"
    assert set(world.variants()) == {"stable"}


def test_a_trial_that_fails_by_the_input_waits_and_is_tried_again() -> None:
    world = scoring()
    world.fate["2"] = {"error": {"reason": "ColumnMissing", "message": "the input has no column 'x'"}}
    pin(world, "2").run(60, lambda w: w.condition("Stalled")[1] == "ColumnMissing")
    assert "rejected" not in world.status
    (before,) = world.jobs("trial")
    uid = world.objects[ObjectKey("batch/v1", "Job", "ns", before)]["metadata"]["uid"]
    world.fate.clear()
    world.run(330, scores("2"))
    assert uid not in {obj["metadata"]["uid"] for obj in world.objects.values()}


def test_a_changed_task_is_tried_at_once() -> None:
    world = scoring()
    world.fate["2"] = {"error": {"reason": "TooManyBadRecords", "message": "…"}}
    pin(world, "2").run(60, lambda w: w.condition("Stalled")[1] == "TooManyBadRecords")
    world.fate.clear()
    world.edit(TASK, lambda spec: spec["serving"]["batch"].update(maxBadRecords=9))
    world.run(20, scores("2"))


def test_a_newer_version_does_not_wait_for_one_that_is_stuck() -> None:
    world = BatchWorld(model={"type": "MLflow", "mlflow": {"name": "fraud", "alias": "candidate"}})
    world.alias = "1"
    world.run(60, scores("1"))
    world.fate["2"] = {"error": {"reason": "AccessDenied", "message": "…"}}
    world.alias = "2"
    world.run(60, lambda w: w.condition("Stalled")[1] == "AccessDenied")
    world.alias = "3"
    world.run(90, scores("3"))


def test_what_somebody_changes_in_the_cronjob_is_put_back() -> None:
    world = scoring()
    image = world.image()
    world.edit(CRON_JOB, lambda spec: container(spec["jobTemplate"]).update(image="evil"))  # type: ignore[attr-defined]
    world.run(2)
    assert world.image() == image
    world.delete(CRON_JOB)
    world.run(2)
    assert world.image() == image


def test_a_field_that_is_taken_away_is_taken_from_the_cronjob() -> None:
    world = scoring()
    world.edit(KEY, lambda spec: spec.pop("predictor"))
    world.run(60, lambda w: "resources" not in container(w.objects[CRON_JOB]["spec"]["jobTemplate"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("policy", ["Delete", "Orphan"])
def test_who_owns_the_cronjob(policy: str) -> None:
    world = scoring(deletionPolicy=policy)
    owners = world.objects[CRON_JOB]["metadata"].get("ownerReferences", [])
    assert [owner["kind"] for owner in owners] == (["ModelRollout"] if policy == "Delete" else [])
    world.delete(KEY)
    world.run(3)
    assert KEY not in world.objects


def test_a_pause_holds_a_candidate_and_not_the_scoring() -> None:
    world = scoring(paused=False)
    world.edit(KEY, lambda spec: spec.update(paused=True))
    pin(world, "2").run(30)
    assert world.variants()["stable"]["version"] == "1"
    assert world.objects[CRON_JOB]["spec"]["suspend"] is False


def test_only_what_differs_is_a_new_revision() -> None:
    world = scoring()
    revision = world.variants()["stable"]["revision"]
    world.put(TASK, spec=task(schedule={**BATCH["schedule"], "cron": "30 4 * * 1"}))
    world.run(20)
    assert world.variants()["stable"]["revision"] == revision
    assert world.objects[CRON_JOB]["spec"]["schedule"] == "30 4 * * 1"
