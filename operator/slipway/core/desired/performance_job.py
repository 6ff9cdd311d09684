"""The Job that judges logged predictions by matured labels, for a trigger of type Performance or a probation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.api.v1alpha1.task_label import Label
from slipway.core.desired.data_access import labels_variables
from slipway.core.desired.log_job import LogReader, log_job
from slipway.core.desired.names import GROUP, JOB_LABEL, short_hash

PERFORMANCE_LABEL = f"{GROUP}/performance"
"""On Jobs that judge predictions, and their pods."""

_MEMORY = ("512Mi", "2Gi")


@dataclass(frozen=True)
class PerformanceRun:
    """One measurement: of which predictions, by which labels, and what is counted.

    Attributes:
        asker: name of the trigger, or what a rollout calls its probation; `metric` is what it asks for.
        since, until: predictions from then on and before then have matured.
        asked: the instant up to which younger ones are told of.
        key: column that joins labels to events; `timestamp` and `entity` are the task's, empty without one.
        maturity: seconds; `silence`: whether a matured event without a label is negative.
        needed: how many trials the metric needs.
    """

    image: str
    log: PredictionLog
    label: Label
    asker: str
    metric: str
    revision: str
    since: datetime
    until: datetime
    asked: datetime
    key: str
    timestamp: str
    entity: str
    maturity: float
    silence: bool
    needed: int

    def job_name(self, owner: str, what: str = "labels") -> str:
        """Name of the Job: one for each measurement, so that a repeated request finds the one that was made."""
        return f"{owner}-{what}-{short_hash([self.asker, self.revision, self.asked.isoformat()])}"


def labels_of(name: str) -> dict[str, str]:
    """Labels of the Job of this name, and of its pods."""
    return {JOB_LABEL: name, PERFORMANCE_LABEL: "true"}


def performance_job(metadata: Mapping[str, Any], run: PerformanceRun) -> dict[str, Any]:
    """The manifest: no model, no code of a user."""
    login = labels_variables(run.label)
    reader = LogReader("performance", run.image, run.log, "SLIPWAY_PERFORMANCE", _request(run), _MEMORY, login)
    return log_job(metadata, reader)


def _request(run: PerformanceRun) -> Mapping[str, Any]:
    source = run.label.source
    query = source.sql.query if source is not None and source.sql is not None else ""
    uri = (source.uri or "") if source is not None else ""
    return {
        "revision": run.revision,
        "since": run.since.isoformat(),
        "until": run.until.isoformat(),
        "now": run.asked.isoformat(),
        "metric": run.metric,
        "labels": {"query": query} if query else {"uri": uri},
        "label": run.label.column,
        "key": run.key,
        "timestamp": run.timestamp,
        "positive": run.label.positive or "",
        "entity": run.entity,
        "maturity": run.maturity,
        "silence": run.silence,
        "selective": run.label.observation == "Selective",
        "needed": run.needed,
    }
