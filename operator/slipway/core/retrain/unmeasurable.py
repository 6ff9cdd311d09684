"""Why matured labels can say nothing of a trigger, whatever is measured; each with what mends it."""

from __future__ import annotations

from slipway.api.v1alpha1.metrics import MATURED_BY_TYPE
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.retrain_triggers import PerformanceTrigger
from slipway.core.plan import Unavailable
from slipway.core.retrain.snapshot import RetrainSnapshot


def unmeasurable(snapshot: RetrainSnapshot, trigger: PerformanceTrigger) -> Unavailable | None:
    """The first reason; None where there is none."""
    served, labelled = snapshot.served, snapshot.labelled
    if served is None or not served.revision:
        return Unavailable("NothingServed", "there is no stable revision whose predictions labels could judge")
    if labelled.task is None:
        return Unavailable("TaskNotFound", "the ModelRollout's ModelTask is not there, or is not legal")
    if not labelled.image:
        return Unavailable(
            "PipelinesImageNotSet", "the installation does not set pipelinesImage: see the chart's values"
        )
    return _not_logged(snapshot) or _not_labelled(labelled.task, trigger)


def event_key(task: ModelTaskSpec) -> str:
    """The column that joins labels to events; empty where there is none."""
    source = task.label.source
    return source.sql.key if source is not None and source.sql is not None else task.id or ""


def _not_logged(snapshot: RetrainSnapshot) -> Unavailable | None:
    log, task = snapshot.labelled.log, snapshot.labelled.task
    if log is None:
        message = "the ModelRollout logs no predictions: set its spec.predictionLog"
        return Unavailable("NotLogged", message)
    key = event_key(task) if task is not None else ""
    for field, names in (("omit", log.omit), ("hash", log.hash)):
        if key in names:
            message = (
                f"predictionLog.{field} names {key!r}, by which labels are joined: take it off, or join by request_id"
            )
            return Unavailable("KeyNotLogged", message)
    return None


def _not_labelled(task: ModelTaskSpec, trigger: PerformanceTrigger) -> Unavailable | None:
    if task.label.source is None:
        message = "nobody says where labels come from after the prediction: set label.source of the ModelTask"
        return Unavailable("NoLabelSource", message)
    if not event_key(task):
        message = "labels from files are joined by the event's id: set spec.id of the ModelTask"
        return Unavailable("NoEventKey", message)
    legal = MATURED_BY_TYPE.get(task.type, ())
    if trigger.metric not in legal:
        named = f"legal are {', '.join(legal)}" if legal else "there is none for such a task yet"
        return Unavailable("NotSupported", f"labels give no {trigger.metric} of a task of type {task.type}: {named}")
    return None
