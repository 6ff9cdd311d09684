"""The Job that builds the image of a model version: unprivileged, `restricted`, its answer in the termination log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slipway.core.desired.names import JOB_LABEL, Identity, short_hash

DEADLINE_SECONDS = 1800
TRANSIENT_RETRIES = 6
"""Kubernetes waits 10, 20, 40 … seconds between them: an outage of minutes is outlasted, a fault of the data is not."""

_KEEP_SECONDS = 3600


@dataclass(frozen=True)
class Build:
    """What is built from what. Two equal builds have one name, so that a repeated request finds the finished Job."""

    model: str
    version: str
    digest: str
    repository: str
    base_image: str
    tracking_uri: str
    builder_image: str
    plain_http: bool = False
    dependencies: str = ""
    """Repository of the dependency images; empty means the one of the model's image."""

    def job_name(self, rollout: str) -> str:
        """Name of the Job: the inputs that decide about its result, hashed."""
        inputs = [self.model, self.version, self.digest, self.repository, self.base_image, self.builder_image]
        return f"{rollout}-build-{short_hash(inputs)}"

    @property
    def arguments(self) -> list[str]:
        """Command line of the builder."""
        arguments = ["--model-uri", f"models:/{self.model}/{self.version}"]
        if self.digest:
            arguments += ["--expect-digest", self.digest]
        arguments += ["--repository", self.repository, "--base-image", self.base_image]
        arguments += ["--tracking-uri", self.tracking_uri]
        if self.dependencies:
            arguments += ["--dependency-repository", self.dependencies]
        return [*arguments, "--plain-http"] if self.plain_http else arguments


def build_job(identity: Identity, build: Build) -> dict[str, Any]:
    """The manifest. Owned by the rollout also under deletionPolicy Orphan: nobody needs it afterwards."""
    name = build.job_name(identity.name)
    metadata = identity.metadata(name, {JOB_LABEL: name}, owned=True)
    permanent = {"action": "FailJob", "onExitCodes": {"containerName": "build", "operator": "In", "values": [1]}}
    evicted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "backoffLimit": TRANSIENT_RETRIES,
            "ttlSecondsAfterFinished": _KEEP_SECONDS,
            "podFailurePolicy": {"rules": [permanent, evicted]},
            "template": {"metadata": {"labels": metadata["labels"]}, "spec": _pod(build)},
        },
    }


def _pod(build: Build) -> dict[str, Any]:
    user = 65532
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "build",
                "image": build.builder_image,
                "command": ["python3", "-m", "slipway_serving.build"],
                "args": build.arguments,
                "env": [
                    {"name": "HOME", "value": "/tmp"},
                    {"name": "MLFLOW_TRACKING_URI", "value": build.tracking_uri},
                ],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "2Gi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "terminationMessagePolicy": "File",
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}],
    }
