"""The Job that runs one attempt of a TrainingRun, under the Pod Security level `restricted`, without a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.references import ResourceRequirements
from slipway.core.desired.confinement import confined_container, confined_job_pod

GROUP = "slipway.dev"
RUN_LABEL = f"{GROUP}/trainingrun"
JOB_LABEL = f"{GROUP}/job"
CONTAINER = "train"
RETRIES = 6
"""Kubernetes waits 10, 20, 40 … seconds between them: an outage of minutes is outlasted."""

DEADLINE_SECONDS = 6 * 3600
_KEEP_SECONDS = 3600
# 1 is the Job's own word (slipway_pipelines.faults) that trying again gives the same answer. 137 is SIGKILL: where no
# disruption is noted, the kernel did it for want of memory, and the next attempt would want as much.
_FINAL = (1, 137)
_REQUESTS = {"cpu": "50m", "memory": "256Mi"}
_LIMITS = {"memory": "2Gi"}


@dataclass(frozen=True)
class Attempt:
    """What the Job is made from. `task` and `spec` are as the API server holds them; `owner` is the run's uid."""

    namespace: str
    name: str
    uid: str
    task: Mapping[str, Any]
    spec: Mapping[str, Any]
    image: str
    tracking_uri: str
    resources: ResourceRequirements | None = None


def job_name(run: str) -> str:
    """Name of the Job; the name of a run is bounded so that this fits 63 characters."""
    return f"{run}-train"


def training_job(attempt: Attempt) -> dict[str, Any]:
    """The manifest. A fault of the data or the manifest fails the Job at once; others are tried again."""
    final = {"containerName": CONTAINER, "operator": "In", "values": list(_FINAL)}
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": final},
    ]
    metadata = _metadata(attempt)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "backoffLimit": RETRIES,
            "ttlSecondsAfterFinished": _KEEP_SECONDS,
            "podFailurePolicy": {"rules": rules},
            "template": {"metadata": {"labels": metadata["labels"]}, "spec": _pod(attempt)},
        },
    }


def suspension(namespace: str, job: str, suspend: bool) -> dict[str, Any]:
    """Only the field that is to change: the rest of the Job stays as it was created, whatever we would create today."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job, "namespace": namespace},
        "spec": {"suspend": suspend},
    }


def _metadata(attempt: Attempt) -> dict[str, Any]:
    name = job_name(attempt.name)
    return {
        "name": name,
        "namespace": attempt.namespace,
        "labels": {"app.kubernetes.io/managed-by": "slipway", RUN_LABEL: attempt.name, JOB_LABEL: name},
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/v1alpha1",
                "kind": "TrainingRun",
                "name": attempt.name,
                "uid": attempt.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def _pod(attempt: Attempt) -> dict[str, Any]:
    return {
        **confined_job_pod(),
        "containers": [_container(attempt)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}],
    }


def _container(attempt: Attempt) -> dict[str, Any]:
    request = {name: getattr(attempt, name) for name in ("name", "namespace", "uid", "task", "spec")}
    return {
        "name": CONTAINER,
        "image": attempt.image,
        "command": ["python3", "-m", "slipway_pipelines.train"],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "MLFLOW_TRACKING_URI", "value": attempt.tracking_uri},
            {"name": "SLIPWAY_TRAINING", "value": json.dumps(request, sort_keys=True, default=dict)},
        ],
        "resources": _resources(attempt.resources),
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def _resources(wanted: ResourceRequirements | None) -> dict[str, Any]:
    """The user's figures; where a user sets a limit only, Kubernetes requests as much, so we do not request less."""
    limits = dict((wanted.limits if wanted else None) or {})
    requests = dict((wanted.requests if wanted else None) or {})
    asked = {**{name: text for name, text in _REQUESTS.items() if name not in limits}, **requests}
    return {"requests": asked, "limits": {**{k: v for k, v in _LIMITS.items() if k not in requests}, **limits}}
