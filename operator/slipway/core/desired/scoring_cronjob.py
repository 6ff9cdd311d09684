"""The CronJob that scores batches with a revision's image, and the Job that tries a candidate: level `restricted`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.core.batch_task import BatchTask
from slipway.core.desired.confinement import confined_container, confined_job_pod, confined_pod
from slipway.core.desired.inference_service import variables_from
from slipway.core.desired.job import Bounds, job, job_spec
from slipway.core.desired.names import GROUP, REVISION_LABEL, Identity, short_hash
from slipway.core.desired.placement import placement

SCORING_LABEL = f"{GROUP}/scoring"
RUN, TRIAL = "run", "trial"
CONTAINER = "score"
DEADLINE_SECONDS = 24 * 3600
TRIAL_SECONDS = 1800
RETRIES = 6
"""Kubernetes waits 10, 20, 40 … seconds between them; each pod goes on where the last one ended."""

NEVER = "0 0 31 2 *"
"""A CronJob must have a schedule; there is no such day, and it is suspended besides."""

_HASH = f"{GROUP}/template-hash"
_KEEP_SECONDS = 3600
_HISTORY = 3
_FINAL = {
    CONTAINER: (1,)
}  # the pod's own word (slipway_serving.scoring.faults) that trying again gives the same answer


@dataclass(frozen=True)
class Scoring:
    """Which revision scores, and what the task asks of it."""

    revision: str
    version: str
    image: str
    task: BatchTask
    pull_secret: str = ""


def cron_job_name(rollout: str) -> str:
    """Name of the CronJob, which the API server bounds to 52 characters and the rollout's name to 40."""
    return f"{rollout}-scoring"


def trial_name(identity: Identity, scoring: Scoring, predictor: Predictor) -> str:
    """Name of the Job that tries a revision: all that decides about its result, hashed."""
    return f"{identity.name}-trial-{short_hash(_pod(identity, scoring, predictor, trial=True))}"


def scoring_cron_job(identity: Identity, scoring: Scoring, predictor: Predictor) -> dict[str, Any]:
    """The manifest. Without a schedule it is suspended: Jobs are made from it by hand."""
    schedule = scoring.task.batch.schedule
    labels = {REVISION_LABEL: scoring.revision, SCORING_LABEL: RUN}
    metadata = identity.metadata(cron_job_name(identity.name), labels)
    bounds = Bounds(DEADLINE_SECONDS, RETRIES, None, _FINAL)  # its CronJob keeps the last few
    spec = {
        "schedule": schedule.cron if schedule else NEVER,
        "timeZone": schedule.time_zone if schedule else "UTC",
        "suspend": schedule is None,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": max(10, int(schedule.starting_deadline.seconds)) if schedule else 7200,
        "successfulJobsHistoryLimit": _HISTORY,
        "failedJobsHistoryLimit": _HISTORY,
        "jobTemplate": {
            "metadata": {"labels": metadata["labels"]},
            "spec": job_spec(metadata["labels"], bounds, _pod(identity, scoring, predictor)),
        },
    }
    # A field that is taken away is no difference to what is left: the hash tells.
    metadata["annotations"] = {_HASH: short_hash(spec)}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def trial_job(identity: Identity, scoring: Scoring, predictor: Predictor) -> dict[str, Any]:
    """The manifest: the same pod, which scores the first rows and writes nothing."""
    labels = {REVISION_LABEL: scoring.revision, SCORING_LABEL: TRIAL}
    metadata = identity.metadata(trial_name(identity, scoring, predictor), labels, owned=True)
    bounds = Bounds(TRIAL_SECONDS, RETRIES, _KEEP_SECONDS, _FINAL)
    return job(metadata, bounds, _pod(identity, scoring, predictor, trial=True))


def _pod(identity: Identity, scoring: Scoring, predictor: Predictor, trial: bool = False) -> dict[str, Any]:
    claim = scoring.task.batch.volume
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}}]
    if claim is not None:
        name = claim.persistent_volume_claim.claim_name
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": name}})
    pull = {"imagePullSecrets": [{"name": scoring.pull_secret}]} if scoring.pull_secret else {}
    return {
        **pull,
        **placement(predictor),
        **confined_job_pod(),
        # Else every file of a large volume is touched at each run.
        "securityContext": {**confined_pod(), "fsGroupChangePolicy": "OnRootMismatch"},
        "containers": [_container(identity, scoring, predictor, trial)],
        "volumes": volumes,
    }


def _container(identity: Identity, scoring: Scoring, predictor: Predictor, trial: bool) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]
    if scoring.task.batch.volume is not None:
        mounts.append({"name": "data", "mountPath": "/data", **({"readOnly": True} if trial else {})})
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": scoring.image,
        "command": ["python3", "-m", "slipway_serving.scoring"],
        "env": _environment(identity, scoring, predictor, trial),
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }
    groups = [*variables_from(predictor), *_stores(scoring.task)]
    if groups:
        container["envFrom"] = groups
    if predictor.resources is not None:
        container["resources"] = predictor.resources.model_dump(mode="json", by_alias=True, exclude_none=True)
    return container


def _stores(task: BatchTask) -> list[dict[str, Any]]:
    """The Secrets of the stores, as variables: a missing one is named in the pod's status, a missing file is not."""
    sides = (("SLIPWAY_INPUT_", task.batch.input.secret_ref), ("SLIPWAY_OUTPUT_", task.batch.output.secret_ref))
    return [{"prefix": prefix, "secretRef": {"name": secret.name}} for prefix, secret in sides if secret is not None]


def _environment(identity: Identity, scoring: Scoring, predictor: Predictor, trial: bool) -> list[dict[str, Any]]:
    task = scoring.task
    request = {
        "input": task.batch.input.uri,
        "output": task.batch.output.uri,
        "keys": task.keys,
        "keep": task.batch.keep_columns,
        "features": task.features,
        "sources": dict(task.sources),
        "rowsPerPart": task.batch.rows_per_part,
        "maxBadRecords": task.batch.max_bad_records,
        "trial": trial,
    }
    ours = {
        "SLIPWAY_ROLLOUT": identity.key,
        "SLIPWAY_REVISION": scoring.revision,
        "SLIPWAY_VERSION": scoring.version,
        "SLIPWAY_SCORING": json.dumps(request, sort_keys=True),
    }
    theirs = [e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in predictor.env if e.name not in ours]
    return [{"name": name, "value": value} for name, value in ours.items()] + theirs
