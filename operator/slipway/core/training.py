"""TrainingRun: one attempt. Creates its Job once, follows it, and keeps what it said.

Pure: the actions bring the world to the status that was persisted before; the status is what is seen now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.fingerprints import Inputs
from slipway.api.v1alpha1.task_label import Label
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec, TrainingRunStatus
from slipway.core.desired.data_access import DataAccess
from slipway.core.desired.key_of import mlflow_login
from slipway.core.desired.training_job import RETRIES, Attempt, job_name, suspension, training_job
from slipway.core.kstatus import Said, as_written, inactive, reconciling, stalled, waiting, with_conditions
from slipway.core.plan import Action, Apply, Create, Delete, Notice, ObjectKey, Plan, Unavailable
from slipway.core.training_report import Outcome, failure, success
from slipway.core.training_result import GRACE_SECONDS, Progress, progress
from slipway.core.training_search import pods_of, search_ahead, search_words

Object = Mapping[str, Any]
ENDED = ("Succeeded", "Failed", "Cancelled")
INPUTS_SECONDS = 60.0
"""How often an MLflow that is away is asked again what a run was trained under."""


@dataclass(frozen=True)
class TrainingSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `raw` is the spec as written.

    `task` is the spec of the ModelTask as written, None where there is no such task. `job` and `pods` are the run's.
    `inputs` is what MLflow says of the features and data of one that has made a model, as long as status has it not.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    raw: Object
    spec: TrainingRunSpec | None
    status: TrainingRunStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    task: Object | None = None
    task_uid: str = ""
    task_invalid: str = ""
    job: Object | None = None
    pods: tuple[Object, ...] = ()
    image: str = ""
    mlflow: str = ""
    mlflow_secret: str = ""
    inputs: Inputs | Unavailable | None = None


def decide(snapshot: TrainingSnapshot, now: datetime) -> Plan:
    """What to do about a run, and what to say of it."""
    status = snapshot.status
    if status.phase in ENDED:
        return _finished(snapshot, now)
    if snapshot.spec is None:
        return _told(snapshot, status.phase or "Pending", stalled("SpecInvalid", snapshot.invalid), now)
    if snapshot.spec.cancel:
        return _cancelled(snapshot, now)
    found = progress(snapshot.job, snapshot.pods, now)
    if found.state == "Succeeded":
        return _ended(snapshot, success(snapshot.spec, found), now)
    if found.state == "Failed":
        return _ended(snapshot, failure(found), now)
    foreseen = _foreseen(snapshot, snapshot.spec)
    if snapshot.spec.suspend:
        return _suspended(foreseen, now)
    return _pursued(foreseen, snapshot.spec, found, now)


def _foreseen(snapshot: TrainingSnapshot, spec: TrainingRunSpec) -> TrainingSnapshot:
    """With the size of its search, which people see before anything starts."""
    if snapshot.status.job == job_name(snapshot.name):
        return snapshot
    planned = search_ahead(spec, str((snapshot.task or {}).get("type", "")))
    return replace(snapshot, status=snapshot.status.model_copy(update={"search": planned}))


def _finished(snapshot: TrainingSnapshot, now: datetime) -> Plan:
    """An ended run says what it said; a cancelled one takes its Job away, once its status says that it is cancelled."""
    job, actions = snapshot.job, []
    if snapshot.status.phase == "Cancelled" and job is not None and not job["metadata"].get("deletionTimestamp"):
        actions.append(_deletion(snapshot, job))
    wake = INPUTS_SECONDS if isinstance(snapshot.inputs, Unavailable) else None
    seen: dict[str, Any] = {"observed_generation": snapshot.generation}
    if isinstance(snapshot.inputs, Inputs):
        seen["inputs"] = snapshot.inputs
    elif snapshot.status.observed_generation == snapshot.generation:
        return Plan(tuple(actions), requeue_after=wake)
    return Plan(tuple(actions), as_written(snapshot.status.model_copy(update=seen)), requeue_after=wake)


def _cancelled(snapshot: TrainingSnapshot, now: datetime) -> Plan:
    message = "spec.cancel was set before the run had ended"
    said = (Said("Cancelled", "True", "Cancelled", message), *stalled("Cancelled", message))
    plan = _told(snapshot, "Cancelled", said, now)
    return replace(plan, requeue_after=0.0, notices=(Notice("Normal", "Cancelled", message),))


def _ended(snapshot: TrainingSnapshot, outcome: Outcome, now: datetime) -> Plan:
    told = replace(snapshot, status=snapshot.status.model_copy(update=outcome.fields))
    return replace(_told(told, outcome.phase, outcome.said, now), notices=(outcome.notice,))


def _suspended(snapshot: TrainingSnapshot, now: datetime) -> Plan:
    ahead = "" if snapshot.job is not None else search_words(snapshot.status.search)
    said = waiting("Suspended", f"spec.suspend is true; set it to false to train{ahead}")
    return replace(_told(snapshot, "Suspended", said, now), actions=_suspend(snapshot, True))


def _pursued(snapshot: TrainingSnapshot, spec: TrainingRunSpec, found: Progress, now: datetime) -> Plan:
    """Follows the Job, or makes it once everything that it needs is there."""
    if obstacle := _obstacle(snapshot, spec):
        return _told(snapshot, "Pending", obstacle, now)
    if snapshot.status.job != job_name(snapshot.name):
        told = replace(snapshot, status=snapshot.status.model_copy(update={"job": job_name(snapshot.name)}))
        message = f"the Job is about to be made{search_words(snapshot.status.search)}"
        return replace(_told(told, "Pending", reconciling("Pending", message), now), requeue_after=0.0)
    if found.state == "Absent":
        plan = _told(snapshot, "Pending", reconciling("Pending", "the Job has been asked for"), now)
        return replace(plan, actions=(Create(training_job(_attempt(snapshot, spec))),))
    if found.state == "Lost" and snapshot.job is not None:
        # The attempt is repeated; a model that it had registered is found again by the run's uid.
        said = reconciling("ReportLost", "the Job's pods are gone, and their report with them; the Job is made anew")
        return replace(_told(snapshot, "Pending", said, now), actions=(_deletion(snapshot, snapshot.job),))
    phase = "Running" if found.state in ("Running", "Retrying") else "Pending"
    message = f"{_attempts(found)}{search_words(snapshot.status.search)}"
    plan = _told(snapshot, phase, reconciling(found.reason or "Training", message), now)
    return replace(plan, actions=_suspend(snapshot, False), requeue_after=GRACE_SECONDS)


def _attempts(found: Progress) -> str:
    if found.state != "Retrying":
        return found.message
    return f"{found.message} (at most {RETRIES + 1} attempts)"


def _obstacle(snapshot: TrainingSnapshot, spec: TrainingRunSpec) -> tuple[Said, ...]:
    """What keeps a run from starting. A running Job is not stopped by it."""
    if snapshot.job is not None:
        return ()
    if snapshot.task is None:
        return reconciling(
            "TaskNotFound", f"there is no ModelTask {spec.task_ref.name!r}; the run starts once there is"
        )
    if snapshot.task_invalid:
        return reconciling("TaskInvalid", f"ModelTask {spec.task_ref.name!r}: {snapshot.task_invalid}")
    settings = {"images.pipelines": snapshot.image, "mlflow.url": snapshot.mlflow}
    missing = ", ".join(name for name, value in settings.items() if not value)
    if missing:
        return reconciling("NotConfigured", f"the installation lacks {missing}: set the values of the chart")
    return ()


def _attempt(snapshot: TrainingSnapshot, spec: TrainingRunSpec) -> Attempt:
    assert snapshot.task is not None
    access = DataAccess(spec.data, Label.model_validate(snapshot.task["label"]))
    return Attempt(
        snapshot.namespace, snapshot.name, snapshot.uid, snapshot.task, snapshot.raw, snapshot.image, snapshot.mlflow,
        access, spec.resources.train if spec.resources else None, mlflow_login(snapshot.mlflow_secret),
        snapshot.task_uid, pods_of(spec), spec.trainer.function,
    )  # fmt: skip


def _suspend(snapshot: TrainingSnapshot, wanted: bool) -> tuple[Action, ...]:
    job = snapshot.job
    if job is None or bool((job.get("spec") or {}).get("suspend")) == wanted:
        return ()
    return (Apply(suspension(snapshot.namespace, job["metadata"]["name"], wanted)),)


def _deletion(snapshot: TrainingSnapshot, job: Object) -> Delete:
    key = ObjectKey("batch/v1", "Job", snapshot.namespace, job["metadata"]["name"])
    return Delete(key, job["metadata"]["uid"])


def _told(snapshot: TrainingSnapshot, phase: str, said: tuple[Said, ...], now: datetime) -> Plan:
    status = snapshot.status.model_copy(update={"phase": phase, "inactive_fields": snapshot.inactive})
    said = (*said, *inactive(snapshot.inactive))
    return Plan(status=as_written(with_conditions(status, said, snapshot.generation, now)))
