"""The Job that builds the image of a model version: unprivileged, `restricted`, its answer in the termination log."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from slipway.core.desired.build_job_buildah import FETCH, INSTALL, SystemImage, with_system_image
from slipway.core.desired.confinement import confined_container, confined_job_pod
from slipway.core.desired.job import Bounds, job
from slipway.core.desired.key_of import KeyOf
from slipway.core.desired.names import JOB_LABEL, Identity, short_hash

DEADLINE_SECONDS = 1800
TRANSIENT_RETRIES = 6
"""Kubernetes waits 10, 20, 40 … seconds between them: an outage of minutes is outlasted, a fault of the data is not."""

_KEEP_SECONDS = 3600
_FINAL = (1,)

DOCKER_CONFIG, REGISTRY_CA = "SLIPWAY_DOCKER_CONFIG", "SLIPWAY_REGISTRY_CA"
PULLING = (DOCKER_CONFIG, REGISTRY_CA)
"""The variables that a process needs to read from registries."""


@dataclass(frozen=True)
class Build:
    """What is built from what. Two equal builds have one name, so that a repeated request finds the finished Job."""

    model_uri: str
    digest: str
    repository: str
    base_image: str
    tracking_uri: str
    builder_image: str
    plain_http: str = ""
    """Host of a registry that speaks no TLS; empty means none."""

    dependencies: str = ""
    """Repository of the dependency images; empty means the one of the model's image."""

    scoring: bool = False
    """Whether the image is to score batches, and so reads and writes Parquet."""

    package_index: str = ""
    secrets: tuple[KeyOf, ...] = ()
    """Credentials and certificate authorities. The kubelet reads them, the operator does not."""

    system: SystemImage | None = None
    """What is added to the base before the model's layers."""

    def job_name(self, rollout: str) -> str:
        """Name of the Job: the inputs that decide about its result, hashed."""
        inputs: list[Any] = [self.model_uri, self.digest, self.repository, self.base_image, self.builder_image]
        inputs += [self.package_index, [dataclasses.astuple(one) for one in self.secrets]]
        inputs += ["scoring"] if self.scoring else []
        inputs += [dataclasses.astuple(self.system)] if self.system else []
        return f"{rollout}-build-{short_hash(inputs)}"

    @property
    def arguments(self) -> list[str]:
        """Command line of the builder."""
        arguments = ["--model-uri", self.model_uri]
        if self.digest:
            arguments += ["--expect-digest", self.digest]
        arguments += ["--repository", self.repository, "--base-image", self.base_image]
        arguments += ["--tracking-uri", self.tracking_uri]
        if self.dependencies:
            arguments += ["--dependency-repository", self.dependencies]
        if self.scoring:
            arguments.append("--scoring")
        if self.package_index:
            arguments += ["--package-index", self.package_index]
        if self.system:
            arguments += self.system.arguments
        return [*arguments, "--plain-http", self.plain_http] if self.plain_http else arguments


def build_job(identity: Identity, build: Build) -> dict[str, Any]:
    """The manifest. Owned by the rollout also under deletionPolicy Orphan: nobody needs it afterwards."""
    name = build.job_name(identity.name)
    metadata = identity.metadata(name, {JOB_LABEL: name}, owned=True)
    containers = ["build", *([FETCH, INSTALL] if build.system else [])]
    final = dict.fromkeys(containers, _FINAL)
    return job(metadata, Bounds(DEADLINE_SECONDS, TRANSIENT_RETRIES, _KEEP_SECONDS, final), _pod(build))


def _pod(build: Build) -> dict[str, Any]:
    if build.system is None:
        return _build_pod(build)
    pulling = [one for one in build.secrets if one.variable in PULLING]
    return with_system_image(_build_pod(build), build.system, build.arguments, pulling)


def _build_pod(build: Build) -> dict[str, Any]:
    return {
        **confined_job_pod(),
        "containers": [
            {
                "name": "build",
                "image": build.builder_image,
                "command": ["python3", "-m", "slipway_serving.build"],
                "args": build.arguments,
                "env": [
                    {"name": "HOME", "value": "/tmp"},
                    {"name": "MLFLOW_TRACKING_URI", "value": build.tracking_uri},
                    *(one.entry for one in build.secrets),
                ],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "2Gi"},
                },
                "securityContext": confined_container(),
                # A process that was killed has written nothing: then the end of its log is all there is.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}],
    }
