"""TrainingRun: what a decision about it needs to see."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.fingerprints import Inputs
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec, TrainingRunStatus
from slipway.controllers.reading import invalidity, read_spec
from slipway.core import training
from slipway.core.definitions.changes import read_inputs
from slipway.core.desired.training_job import RUN_LABEL, job_name
from slipway.core.plan import ObjectKey, Plan, Unavailable
from slipway.core.references import task_name
from slipway.core.training import ENDED, TrainingSnapshot
from slipway.runtime.world import Object, World


class TrainingController:
    """Observes a TrainingRun, its task, its Job and the Job's pods."""

    kind = "TrainingRun"

    async def observe(self, obj: Object, world: World, now: datetime) -> TrainingSnapshot:
        """Reads the cache; once, when the run has ended with a model, MLflow."""
        metadata = obj["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        spec, invalid, inactive = read_spec(self.kind, TrainingRunSpec, obj)
        task = _task(obj, namespace, world)
        job = world.get(ObjectKey("batch/v1", "Job", namespace, job_name(name)))
        return TrainingSnapshot(
            namespace=namespace,
            name=name,
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            raw=obj["spec"],
            spec=spec,
            status=TrainingRunStatus.model_validate(obj.get("status") or {}),
            invalid=invalid,
            inactive=inactive,
            task=task["spec"] if task else None,
            task_uid=task["metadata"]["uid"] if task else "",
            task_invalid=invalidity("ModelTask", task) if task else "",
            job=job,
            pods=_pods(job, namespace, name, world),
            image=world.settings.pipelines_image,
            mlflow=world.settings.mlflow,
            mlflow_secret=world.settings.mlflow_secret,
            inputs=await _inputs(obj, world),
        )

    def decide(self, snapshot: TrainingSnapshot, now: datetime) -> Plan:
        """Pure."""
        return training.decide(snapshot, now)


def _task(run: Object, namespace: str, world: World) -> Object | None:
    return world.get(ObjectKey(API_VERSION, "ModelTask", namespace, task_name(run)))


async def _inputs(run: Object, world: World) -> Inputs | Unavailable | None:
    """What MLflow says of the features and the data of a run that has made a model; None where status has it already,
    or there is none."""
    status = run.get("status") or {}
    if status.get("phase") not in ENDED or not status.get("modelDigest") or status.get("inputs") is not None:
        return None
    tags = await world.run_tags(status["runId"])
    return read_inputs({} if isinstance(tags, Unavailable) and tags.reason == "RunNotFound" else tags)


def _pods(job: Object | None, namespace: str, run: str, world: World) -> tuple[Object, ...]:
    """The pods of this very Job: those of one that was deleted and made anew may linger."""
    if job is None:
        return ()
    found = world.list("Pod", namespace, {RUN_LABEL: run})
    return tuple(pod for pod in found if job["metadata"]["uid"] in _owners(pod))


def _owners(obj: Object) -> set[str]:
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}
