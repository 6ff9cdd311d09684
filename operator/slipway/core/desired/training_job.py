"""The Job that runs one attempt of a TrainingRun, under the Pod Security level `restricted`, without a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.references import ResourceRequirements
from slipway.api.v1alpha1.training_trainer import FunctionTrainer
from slipway.core.desired.confinement import confined_container, confined_job_pod
from slipway.core.desired.data_access import DataAccess
from slipway.core.desired.function_pod import FETCH, FunctionPod
from slipway.core.desired.job import Bounds, job
from slipway.core.desired.key_of import KeyOf

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
# As many threads as CPUs are requested, rounded up. A library's own choice is the CPUs of the node: on a busy one its
# threads spin while they wait for each other, and another node adds the same numbers in another order.
_REQUESTED = {"containerName": CONTAINER, "resource": "requests.cpu", "divisor": "1"}
_THREADS = {"name": "OMP_NUM_THREADS", "valueFrom": {"resourceFieldRef": _REQUESTED}}


@dataclass(frozen=True)
class Attempt:
    """What the Job is made from. `task` and `spec` are as the API server holds them; `uid` is the run's."""

    namespace: str
    name: str
    uid: str
    task: Mapping[str, Any]
    spec: Mapping[str, Any]
    image: str
    tracking_uri: str
    access: DataAccess
    resources: ResourceRequirements | None = None
    login: tuple[KeyOf, ...] = ()
    task_uid: str = ""
    pods: int = 1
    function: FunctionTrainer | None = None


def job_name(run: str) -> str:
    """Name of the Job; the name of a run is bounded so that this fits 63 characters."""
    return f"{run}-train"


def training_job(attempt: Attempt) -> dict[str, Any]:
    """The manifest. A fault of the data or the manifest fails the Job at once; others are tried again."""
    fetches = {FETCH: _FINAL} if attempt.function is not None else {}
    bounds = Bounds(DEADLINE_SECONDS, RETRIES, _KEEP_SECONDS, {CONTAINER: _FINAL, **fetches})
    return job(_metadata(attempt), bounds, _pod(attempt), **_shared(attempt.pods))


def _shared(pods: int) -> dict[str, Any]:
    """Several pods, numbered: the first makes the model, the others take trials of the search from it."""
    return {"completionMode": "Indexed", "completions": pods, "parallelism": pods} if pods > 1 else {}


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
    volumes = [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}, *attempt.access.volumes()]
    if attempt.function is None:
        return {**confined_job_pod(), "containers": [_container(attempt, None)], "volumes": volumes}
    code = FunctionPod(attempt.function, attempt.image, _resources(attempt.resources), _THREADS)
    return {
        **confined_job_pod(),
        "initContainers": code.init_containers(),
        "containers": [_container(attempt, code)],
        "volumes": [*volumes, *code.volumes()],
    }


def _container(attempt: Attempt, code: FunctionPod | None) -> dict[str, Any]:
    request = {name: getattr(attempt, name) for name in ("name", "namespace", "uid", "task", "spec")}
    request |= {"taskUid": attempt.task_uid, "pods": attempt.pods, "image": attempt.image}
    return {
        "name": CONTAINER,
        "image": attempt.image,
        "command": ["python3", "-m", "slipway_pipelines.train"],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "MLFLOW_TRACKING_URI", "value": attempt.tracking_uri},
            _THREADS,
            *(one.entry for one in attempt.login),
            {"name": "SLIPWAY_TRAINING", "value": json.dumps(request, sort_keys=True, default=dict)},
            *attempt.access.variables(),
            *(code.variables() if code is not None else ()),
        ],
        **attempt.access.stores(),
        "resources": _resources(attempt.resources if code is None else _beside(attempt.resources)),
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            *attempt.access.mounts(),
            *(code.mounts() if code is not None else ()),
        ],
    }


def _beside(wanted: ResourceRequirements | None) -> ResourceRequirements | None:
    """Of the container that has the rows where another one fits: as much memory, which holds the table in both."""
    if wanted is None:
        return None
    limits, requests = (
        {k: v for k, v in (of or {}).items() if k == "memory"} for of in (wanted.limits, wanted.requests)
    )
    return ResourceRequirements(limits=limits or None, requests=requests or None)


def _resources(wanted: ResourceRequirements | None) -> dict[str, Any]:
    """The user's figures; where a user sets a limit only, Kubernetes requests as much, so we do not request less."""
    limits = dict((wanted.limits if wanted else None) or {})
    requests = dict((wanted.requests if wanted else None) or {})
    asked = {**{name: text for name, text in _REQUESTS.items() if name not in limits}, **requests}
    return {"requests": asked, "limits": {**{k: v for k, v in _LIMITS.items() if k not in requests}, **limits}}
