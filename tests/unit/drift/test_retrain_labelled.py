"""What a policy sees of its rollout's log and task, and of its own Jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.controllers.retrain_labelled import labelled
from slipway.core.plan import ObjectKey
from slipway.runtime.world import Settings

from tests.unit.drift.labelled_world import LOG, PRECISION, TASK
from tests.unit.drift.policy_world import RAW

TRIGGER = {"name": "precision", "type": "Performance", "performance": PRECISION}
SPEC = RetrainPolicySpec.model_validate({**RAW, "triggers": [TRIGGER]})
ROLLOUT = {"taskRef": {"name": "fraud"}, "predictionLog": LOG}


class Cache:
    """Fixed objects."""

    settings = Settings(pipelines_image="pipelines:1")

    def __init__(self, rollout: Mapping[str, Any] | None, task: Mapping[str, Any] | None) -> None:
        self._found = {"ModelRollout": rollout, "ModelTask": task}

    def get(self, key: ObjectKey) -> Mapping[str, Any] | None:
        spec = self._found.get(key.kind)
        return None if spec is None else {"metadata": {"name": key.name}, "spec": spec}

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        assert labels == {"slipway.dev/policy": "policy"}
        if kind == "Job":
            return [{"metadata": {"name": "policy-labels-a"}}]
        return [{"metadata": {"name": "x", "labels": {"slipway.dev/job": "policy-labels-a"}}}]


def test_it_sees_image_log_task_jobs_and_their_pods() -> None:
    world: Any = Cache(ROLLOUT, TASK)
    found = labelled(SPEC, "team", "policy", world)
    assert found.image == "pipelines:1"
    assert found.log is not None
    assert found.log.uri == LOG["uri"]
    assert found.task is not None
    assert found.task.label.column == "fraud"
    assert list(found.jobs) == ["policy-labels-a"]
    assert [pod["metadata"]["name"] for pod in found.pods["policy-labels-a"]] == ["x"]


@pytest.mark.parametrize(
    ("rollout", "task"),
    [
        (None, None),
        ({"taskRef": {"name": "fraud"}}, None),
        ({**ROLLOUT, "predictionLog": {"uri": "nowhere"}}, {**TASK, "type": "Guess"}),
    ],
)
def test_what_is_absent_or_not_legal_is_none(rollout: Mapping[str, Any] | None, task: Mapping[str, Any] | None) -> None:
    world: Any = Cache(rollout, task)
    found = labelled(SPEC, "team", "policy", world)
    assert (found.log, found.task) == (None, None)


def test_without_such_a_trigger_only_jobs_are_seen_so_that_they_can_go() -> None:
    world: Any = Cache(ROLLOUT, TASK)
    for spec in (None, RetrainPolicySpec.model_validate(RAW)):
        found = labelled(spec, "team", "policy", world)
        assert (found.log, found.task, found.image) == (None, None, "")
        assert list(found.jobs) == ["policy-labels-a"]
