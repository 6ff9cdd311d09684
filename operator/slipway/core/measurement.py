"""A measurement on matured labels, whoever asks for it: what it needs, when it is due, its Job, what its pods said.

Each is a Job over all of its time, so that a lost one costs time only. It is written down before its Job is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slipway.api.v1alpha1.measurement import Measurement
from slipway.api.v1alpha1.metrics import MATURED_BY_TYPE
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.names import short_hash
from slipway.core.desired.performance_job import PerformanceRun
from slipway.core.job_words import failure, finished, own_pods, unheard, words_of
from slipway.core.performance import absence_counts
from slipway.core.plan import Unavailable
from slipway.core.prediction_log import stored_after
from slipway.statistics.proportions import SEPARATING_TRIALS

Object = Mapping[str, Any]
ANSWER = "performance"
"""The member of the Job's words that says what it counted."""

MEASUREMENTS = 12
"""Measurements in a span of time; each reads all of it."""

_LEAST_SECONDS, _MOST_SECONDS = 30.0, 86_400.0
_MOST_DOUBLINGS = 12
_MEASUREMENT = "the measurement's process"


@dataclass(frozen=True)
class Labelled:
    """What measuring needs: the image of the Job, the rollout's prediction log and task, and the Jobs that were made,
    with their pods, by the Job's name."""

    image: str = ""
    log: PredictionLog | None = None
    task: ModelTaskSpec | None = None
    jobs: Mapping[str, Object] = field(default_factory=dict)
    pods: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """Which predictions of a revision are judged: those from `since` on that have matured, or of that many seconds
    before them. `name` says who asks, `at` when."""

    name: str
    metric: str
    revision: str
    at: datetime
    since: datetime | None = None
    window: timedelta = timedelta()


def unmeasurable(labelled: Labelled, metric: str) -> Unavailable | None:
    """Why matured labels can say nothing, whatever is measured, with what mends it; None where they can."""
    task = labelled.task
    if task is None:
        return Unavailable("TaskNotFound", "the ModelRollout's ModelTask is not there, or is not legal")
    if not labelled.image:
        return Unavailable(
            "PipelinesImageNotSet", "the installation does not set pipelinesImage: see the chart's values"
        )
    return _not_logged(labelled.log, task) or _not_labelled(task, metric)


def event_key(task: ModelTaskSpec) -> str:
    """The column that joins labels to events; empty where there is none."""
    source = task.label.source
    return source.sql.key if source is not None and source.sql is not None else task.id or ""


def _not_logged(log: PredictionLog | None, task: ModelTaskSpec) -> Unavailable | None:
    if log is None:
        message = "the ModelRollout logs no predictions: set its spec.predictionLog"
        return Unavailable("NotLogged", message)
    key = event_key(task)
    for field_name, names in (("omit", log.omit), ("hash", log.hash)):
        if key in names:
            message = (
                f"predictionLog.{field_name} names {key!r}, by which labels are joined: take it off, or join by "
                "request_id"
            )
            return Unavailable("KeyNotLogged", message)
    return None


def _not_labelled(task: ModelTaskSpec, metric: str) -> Unavailable | None:
    if task.label.source is None:
        message = "nobody says where labels come from after the prediction: set label.source of the ModelTask"
        return Unavailable("NoLabelSource", message)
    if not event_key(task):
        message = "labels from files are joined by the event's id: set spec.id of the ModelTask"
        return Unavailable("NoEventKey", message)
    legal = MATURED_BY_TYPE.get(task.type, ())
    if metric not in legal:
        named = f"legal are {', '.join(legal)}" if legal else "there is none for such a task yet"
        return Unavailable("NotSupported", f"labels give no {metric} of a task of type {task.type}: {named}")
    return None


def age_of(labelled: Labelled) -> timedelta:
    """How old predictions are that are judged: their labels have matured, and they are in the store. What is not yet
    there would look like what never was. Zero without task and log."""
    task, log = labelled.task, labelled.log
    if task is None or log is None:
        return timedelta()
    return max(task.label.matured_after, timedelta(seconds=stored_after(log)))


def question_of(labelled: Labelled, *asked: Any) -> str:
    """Digest of what is asked, with the label of the task and the place of the log: where it changes, what was measured
    before says nothing."""
    label = labelled.task.label.model_dump(mode="json") if labelled.task is not None else None
    return short_hash([*asked, label, labelled.log.uri if labelled.log is not None else ""])


def run_of(labelled: Labelled, asked: Asked) -> PerformanceRun | None:
    """What a Job is asked to do; None where nothing is to be measured."""
    task, log = labelled.task, labelled.log
    if task is None or log is None or unmeasurable(labelled, asked.metric) is not None:
        return None
    age = age_of(labelled)
    until = asked.at - age
    since = asked.since or until - asked.window
    return PerformanceRun(
        labelled.image, log, task.label, asked.name, asked.metric, asked.revision, since, max(since, until),
        asked.at, event_key(task), task.timestamp or "", task.entity or "", age.total_seconds(),
        absence_counts(task.label), SEPARATING_TRIALS,
    )  # fmt: skip


def between(span: timedelta) -> float:
    """Seconds between two measurements over so much time."""
    return float(min(_MOST_SECONDS, max(_LEAST_SECONDS, span.total_seconds() / MEASUREMENTS)))


def pause(known: Measurement, every: float) -> float:
    """Seconds from one measurement to the next: failures are repeated ever more rarely, at least once a day."""
    return min(_MOST_SECONDS, every * (1 << min(known.failures, _MOST_DOUBLINGS)))


def said_of(labelled: Labelled, name: str, now: datetime) -> Any | Unavailable | None:
    """What the Job of this name counted, in its words; Unavailable where it has failed, None while it has not ended."""
    job = labelled.jobs.get(name)
    if job is None:  # it is about to be made, or made again
        return None
    pods = own_pods(labelled.pods.get(name, ()), job)
    said = words_of(pods, ANSWER, _MEASUREMENT)
    if ANSWER in said:
        return said[ANSWER]
    if finished(job, "Failed") or unheard(job, now):
        return Unavailable("MeasurementFailed", failure(pods, job, said, _MEASUREMENT))
    return None
