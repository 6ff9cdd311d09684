"""A Job of the pipelines' image that reads a prediction log and has one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.confinement import confined_container, confined_job_pod
from slipway.core.desired.job import Bounds, job
from slipway.core.desired.prediction_log import reader_mounts, reader_places, reader_volumes

DEADLINE_SECONDS = 900
RETRIES = 3
_KEEP_SECONDS = 3600
# 1 is the Job's own word (slipway_pipelines.faults) that trying again gives the same answer; 137 is SIGKILL, for want
# of memory where no disruption is noted.
_FINAL = (1, 137)


@dataclass(frozen=True)
class LogReader:
    """What runs: the module `slipway_pipelines.NAME`, in a container of that name.

    Attributes:
        request, variable: what it is asked beside the log's place, and the variable that has both as JSON.
        memory: what its container requests, and its limit.
        login: further variables, from Secrets.
    """

    name: str
    image: str
    log: PredictionLog
    variable: str
    request: Mapping[str, Any]
    memory: tuple[str, str]
    login: Sequence[Mapping[str, Any]] = ()


def log_job(metadata: Mapping[str, Any], reader: LogReader) -> dict[str, Any]:
    """The manifest: level `restricted`, no token. A fault of the place fails it at once, others are tried again."""
    pod = {
        **confined_job_pod(),
        "containers": [_container(reader)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}, *reader_volumes(reader.log)],
    }
    return job(metadata, Bounds(DEADLINE_SECONDS, RETRIES, _KEEP_SECONDS, {reader.name: _FINAL}), pod)


def _container(reader: LogReader) -> dict[str, Any]:
    asked = json.dumps({**reader_places(reader.log), **reader.request}, sort_keys=True)
    requested, limit = reader.memory
    return {
        "name": reader.name,
        "image": reader.image,
        "command": ["python3", "-m", f"slipway_pipelines.{reader.name}"],
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": reader.variable, "value": asked}, *reader.login],
        "resources": {"requests": {"cpu": "50m", "memory": requested}, "limits": {"memory": limit}},
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *reader_mounts(reader.log)],
    }
