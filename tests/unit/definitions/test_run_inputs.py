"""The inputs of a run come from MLflow to its status once, whatever MLflow answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from slipway.api.v1alpha1.fingerprints import INPUTS_TAG, Inputs
from slipway.controllers.training import TrainingController
from slipway.core.plan import Unavailable
from slipway.core.training import INPUTS_SECONDS
from slipway.features.tags import in_tags

from tests.unit.core_training.test_training_observe import NOW, RUN_SPEC, FakeWorld, made
from tests.unit.definitions.trained import inputs, task

RECORDED = inputs(task())
TAGS = in_tags(INPUTS_TAG, RECORDED.model_dump_json(by_alias=True))
AWAY = Unavailable("MLflowUnavailable", "MLflow did not answer")


class Registry(FakeWorld):
    """A world with the tags of run `r1`."""

    def __init__(self, tags: Mapping[str, str] | Unavailable) -> None:
        super().__init__()
        self.tags, self.asked = tags, 0

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        assert run == "r1"
        self.asked += 1
        return self.tags


def reconcile(world: Registry, status: dict[str, Any]) -> tuple[dict[str, Any], float | None]:
    """The status after one reconcile, and when the next is asked for."""
    controller = TrainingController()
    run = made("TrainingRun", "run", RUN_SPEC) | {"status": {"observedGeneration": 2, **status}}
    plan = controller.decide(asyncio.run(controller.observe(run, world, NOW)), NOW)
    assert plan.actions == ()
    return dict(plan.status or run["status"]), plan.requeue_after


ENDED = {"phase": "Succeeded", "runId": "r1", "modelDigest": "sha256:1", "version": "3"}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_they_are_read_once_and_kept(phase: str) -> None:
    world = Registry(TAGS)
    status, _ = reconcile(world, {**ENDED, "phase": phase})
    assert Inputs.model_validate(status["inputs"]) == RECORDED
    assert (status["version"], status["phase"]) == ("3", phase)
    again, wake = reconcile(world, status)
    assert (again, wake, world.asked) == (status, None, 1)


@pytest.mark.parametrize(
    "tags",
    [{}, {"slipway.run": "team/run"}, {f"{INPUTS_TAG}.0": "{"}, Unavailable("RunNotFound", "run r1 was deleted")],
    ids=["none", "of an older version", "cut", "deleted"],
)
def test_a_run_that_recorded_nothing_is_asked_once(tags: Mapping[str, str] | Unavailable) -> None:
    world = Registry(tags)
    status, _ = reconcile(world, ENDED)
    assert status["inputs"] == {}
    assert reconcile(world, status)[0] == status
    assert world.asked == 1


def test_an_mlflow_that_is_away_is_asked_again() -> None:
    world = Registry(AWAY)
    status, wake = reconcile(world, ENDED)
    assert "inputs" not in status
    assert wake == INPUTS_SECONDS


@pytest.mark.parametrize(
    "status", [{"phase": "Failed"}, {"phase": "Failed", "runId": "r1"}, {"phase": "Cancelled", "runId": "r1"}]
)
def test_a_run_without_a_model_is_not_asked_for(status: dict[str, Any]) -> None:
    world = Registry(TAGS)
    reconcile(world, status)
    assert world.asked == 0
