"""A Batch task that cannot go on: what a pod waits for is told by name, and what makes no sense touches nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.batch_world import CRON_JOB, BatchWorld, pin, scores, scoring
from tests.unit.core.simulation import KEY, TASK


@pytest.mark.parametrize(
    ("pending", "reason", "message"),
    [
        (
            {
                "containerStatuses": [
                    {
                        "state": {
                            "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "lake" not found'}
                        }
                    }
                ]
            },
            "SecretNotFound",
            "Secret lake does not exist: create it",
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": '0/1 nodes are available: persistentvolumeclaim "scores" not found. not found',
                    }
                ]
            },
            "ClaimNotFound",
            "PersistentVolumeClaim scores does not exist: create it",
        ),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]},
            "PodNotStarted",
            "ImagePullBackOff: no such image",
        ),
    ],
)
def test_what_a_pod_waits_for_is_told_by_name(pending: dict[str, Any], reason: str, message: str) -> None:
    world = BatchWorld()
    world.fate["1"] = {"pending": pending}
    world.run(60, lambda w: w.condition("Stalled")[1] == reason)
    assert world.condition("Stalled")[2].endswith(message)
    world.fate.clear()
    world.run(30, scores("1"))
    world.fate["1"] = {"pending": pending}
    world.run_by_hand("now")
    world.run(10)
    assert world.condition("BatchScored") == ("False", reason, f"now does not start: {message}")


def test_a_container_that_is_being_created_is_no_trouble() -> None:
    world = BatchWorld()
    world.fate["1"] = {"pending": {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}}
    world.run(30)
    assert world.condition("Stalled")[0] == "False"


GATEWAY = {"type": "GatewayAPI", "gatewayAPI": {"parentRefs": [{"name": "public"}]}}
CANARY = {"name": "c", "type": "Canary", "canary": {"weight": "5%"}, "minDuration": "1h", "minSamples": 10}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"traffic": GATEWAY, "stages": [CANARY]}, "spec.stages[0].type: Canary needs requests"),
        ({"traffic": GATEWAY, "stages": [CANARY]}, "spec.traffic: a task with serving.mode Batch gets no requests"),
        (
            {"gates": [{"name": "e", "metric": "error_rate", "op": "<=", "bound": "1%"}]},
            "spec.gates: gates are judged by requests",
        ),
    ],
)
def test_traffic_makes_no_sense_and_nothing_is_touched(spec: dict[str, Any], words: str) -> None:
    world = scoring()
    before = world.objects[CRON_JOB]
    world.edit(KEY, lambda old: old.update(spec))
    pin(world, "2").run(20)
    assert world.condition("Accepted")[:2] == ("False", "InvalidSpec")
    assert words in world.condition("Accepted")[2]
    assert world.objects[CRON_JOB] == before


def test_a_stage_that_no_version_runs_holds_the_candidate() -> None:
    world = scoring()
    world.edit(
        KEY, lambda spec: spec.update(stages=[{"name": "sign", "type": "Approval", "approval": {"groups": ["a"]}}])
    )
    pin(world, "2").run(30)
    assert world.condition("Stalled")[1] == "StageNotSupported"
    assert world.variants()["stable"]["version"] == "1"


def test_a_task_that_becomes_inline_is_no_longer_this_rollouts() -> None:
    world = scoring()
    image = world.image()
    world.edit(TASK, lambda spec: spec.update(serving={"mode": "Inline", "latency": {"p99": "1s"}}))
    world.run(5)
    assert world.condition("Accepted")[0] == "False"
    world.edit(KEY, lambda spec: spec.update(traffic=GATEWAY, stages=[CANARY]))
    world.run(20)
    assert "changed its serving.mode from Batch to Inline" in world.condition("Accepted")[2]
    assert world.image() == image
    assert list(world.services()) == []


def test_a_missing_task_leaves_the_cronjob_as_it_is() -> None:
    world = scoring()
    before = world.objects[CRON_JOB]
    world.delete(TASK)
    pin(world, "2").run(20)
    assert world.condition("Accepted")[:2] == ("False", "TaskNotFound")
    assert world.objects[CRON_JOB] == before


def test_a_task_that_is_not_valid_is_told_with_its_field() -> None:
    world = scoring()
    world.edit(TASK, lambda spec: spec["serving"]["batch"]["schedule"].update(timeZone="Europe/Atlantis"))
    world.run(5)
    assert "ModelTask fraud is not valid: spec.serving.batch.schedule.timeZone" in world.condition("Accepted")[2]
