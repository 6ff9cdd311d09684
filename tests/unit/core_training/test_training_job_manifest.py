"""The manifest of the training Job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slipway.api.v1alpha1.references import ResourceRequirements
from slipway.core.desired.training_job import Attempt, job_name, training_job


def attempt(**changes: Any) -> Attempt:
    base: dict[str, Any] = {
        "namespace": "team", "name": "run", "uid": "u", "task": {"goal": "g"}, "spec": {"seed": 7},
        "image": "pipelines@sha256:1", "tracking_uri": "http://mlflow:5000",
    }  # fmt: skip
    return Attempt(**{**base, **changes})


def container(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_pod_is_restricted_and_has_no_token() -> None:
    pod = training_job(attempt())["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = pod["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }  # fmt: skip


def test_a_fault_of_the_data_is_final_and_others_are_tried_again() -> None:
    spec = training_job(attempt())["spec"]
    assert sum(10 * 2**attempt for attempt in range(spec["backoffLimit"])) > 600, (
        "an outage of ten minutes is outlasted"
    )
    evicted, final = spec["podFailurePolicy"]["rules"]
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [1, 137])
    assert final["onExitCodes"]["containerName"] == container(training_job(attempt()))["name"]
    assert evicted["action"] == "Ignore"


def test_the_request_and_its_place_are_handed_over() -> None:
    made = training_job(attempt())
    environment = {each["name"]: each["value"] for each in container(made)["env"]}
    assert json.loads(environment["SLIPWAY_TRAINING"]) == {
        "name": "run", "namespace": "team", "uid": "u", "task": {"goal": "g"}, "spec": {"seed": 7},
    }  # fmt: skip
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    labels = {
        "app.kubernetes.io/managed-by": "slipway",
        "slipway.dev/trainingrun": "run",
        "slipway.dev/job": "run-train",
    }
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"] == labels
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_the_longest_name_of_a_run_gives_a_legal_name_of_a_pod_label() -> None:
    assert len(job_name("r" * 52)) <= 63


@pytest.mark.parametrize(
    ("wanted", "requests", "limits"),
    [
        (None, {"cpu": "50m", "memory": "256Mi"}, {"memory": "2Gi"}),
        ({"requests": {"cpu": "1"}}, {"cpu": "1", "memory": "256Mi"}, {"memory": "2Gi"}),
        ({"limits": {"memory": "128Mi"}}, {"cpu": "50m"}, {"memory": "128Mi"}),
        ({"requests": {"memory": "4Gi"}}, {"cpu": "50m", "memory": "4Gi"}, {}),
        (
            {"limits": {"nvidia.com/gpu": 1}},
            {"cpu": "50m", "memory": "256Mi"},
            {"memory": "2Gi", "nvidia.com/gpu": "1"},
        ),
    ],
)
def test_defaults_never_contradict_the_users_figures(wanted: Any, requests: Any, limits: Any) -> None:
    resources = ResourceRequirements.model_validate(wanted) if wanted else None
    assert container(training_job(attempt(resources=resources)))["resources"] == {
        "requests": requests,
        "limits": limits,
    }
