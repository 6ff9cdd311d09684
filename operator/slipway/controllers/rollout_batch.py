"""What a rollout of a task with serving.mode Batch must see: the task, the CronJob, the pods of its Jobs."""

from __future__ import annotations

from dataclasses import replace

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.controllers.reading import read_spec
from slipway.core.batch_task import batch_task
from slipway.core.desired.scoring_cronjob import SCORING_LABEL, cron_job_name
from slipway.core.plan import ObjectKey
from slipway.core.rollout import Snapshot
from slipway.runtime.world import World

_JOB_NAME = "batch.kubernetes.io/job-name"
"""Kubernetes' own label: the pods of a CronJob's Jobs have no other that names the Job."""


def batch(snapshot: Snapshot, task: str, world: World) -> Snapshot:
    """The snapshot with all that scoring needs; as it was where the task asks for none."""
    namespace = snapshot.namespace
    cron_job = world.get(ObjectKey("batch/v1", "CronJob", namespace, cron_job_name(snapshot.name)))
    found = world.get(ObjectKey(API_VERSION, "ModelTask", namespace, task))
    if ((((found or {}).get("spec") or {}).get("serving")) or {}).get("mode") != "Batch" or found is None:
        return replace(snapshot, cron_job=cron_job)
    spec, invalid, _ = read_spec("ModelTask", ModelTaskSpec, found)
    scoring = [name for name, job in snapshot.jobs.items() if SCORING_LABEL in (job["metadata"].get("labels") or {})]
    pods = {name: tuple(world.list("Pod", namespace, {_JOB_NAME: name})) for name in scoring}
    return replace(
        snapshot,
        cron_job=cron_job,
        batch=batch_task(spec) if spec is not None else None,
        batch_invalid=invalid,
        job_pods={**snapshot.job_pods, **pods},
    )
