"""What one measurement is asked to do, as one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway_pipelines.data.source import LABELS, Source
from slipway_pipelines.faults import DataFault
from slipway_pipelines.log_files import LogPlace, read_place

VARIABLE = "SLIPWAY_PERFORMANCE"
REQUEST_KEYS = ("request_id", "prediction_id")
"""Columns of the log itself by which labels may be joined: each names a request, and not an event."""


@dataclass(frozen=True)
class PerformanceRequest:
    """Which predictions are judged, by which labels.

    Attributes:
        log: where predictions are; `revision` made them.
        since, until: predictions from then on and before then have matured; younger ones, up to `now`, are told of.
        metric: precision, recall, accuracy or mae.
        labels: where labels are read, and how to log in there; `label` is their column, `key` that of the event.
        timestamp: the labels' column that says when each was given, where they have it; empty without one.
        positive: the label that flags; empty where none does.
        entity: the task's column of the entity; empty without one.
        maturity: seconds after which labels are judged.
        silence: whether a matured event without a label is negative.
        selective: whether acting on a prediction hides its label.
        needed: how many trials the metric needs.
    """

    log: LogPlace
    revision: str
    since: datetime
    until: datetime
    now: datetime
    metric: str
    labels: Source
    label: str
    key: str
    timestamp: str = ""
    positive: str = ""
    entity: str = ""
    maturity: float = 0.0
    silence: bool = False
    selective: bool = False
    needed: int = 0


def read_request(environment: Mapping[str, str]) -> PerformanceRequest:
    """The request of this process. Raises DataFault where it is absent or cannot be read."""
    try:
        raw: dict[str, Any] = json.loads(environment[VARIABLE])
        since, until, now = (datetime.fromisoformat(raw[name]) for name in ("since", "until", "now"))
        texts = {name: str(raw.get(name, "")) for name in ("timestamp", "positive", "entity")}
        return PerformanceRequest(
            log=read_place(raw),
            revision=str(raw["revision"]),
            since=since,
            until=until,
            now=now,
            metric=str(raw["metric"]),
            labels=_labels(raw["labels"], environment),
            label=str(raw["label"]),
            key=str(raw["key"]),
            maturity=float(raw.get("maturity", 0)),
            silence=bool(raw.get("silence", False)),
            selective=bool(raw.get("selective", False)),
            needed=int(raw.get("needed", 0)),
            **texts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataFault("RequestInvalid", f"{VARIABLE} is absent or not to be read: {error!r}") from error


def _labels(raw: Mapping[str, Any], environment: Mapping[str, str]) -> Source:
    given = {name.removeprefix(LABELS): value for name, value in environment.items() if name.startswith(LABELS)}
    return Source("labels", str(raw.get("uri", "")), str(raw.get("query", "")), credentials=given)
