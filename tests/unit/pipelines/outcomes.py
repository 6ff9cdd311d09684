"""A prediction log and labels with known faults, and the Job that joins them as a whole process."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from slipway_pipelines.performance.__main__ import main

NOW = datetime(2026, 5, 10, tzinfo=UTC)
MATURITY = timedelta(hours=6)
UNTIL = NOW - MATURITY
SINCE = UNTIL - timedelta(hours=24)
SCHEMA = pa.schema(
    {
        "request_id": pa.string(), "prediction_id": pa.string(), "instance": pa.int32(),
        "time": pa.timestamp("us", tz="UTC"), "traffic": pa.string(), "version": pa.string(), "epoch": pa.int64(),
        "entity": pa.string(), "status": pa.int32(), "latency_seconds": pa.float64(), "answer": pa.string(),
        "score": pa.float64(), "threshold": pa.float64(), "propensity": pa.float64(), "key_payment": pa.string(),
        "key_card": pa.string(), "feature_amount": pa.float64(),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Predicted:
    """One prediction; `ago` is its age in hours. `entity` is a digest of the assignment header."""

    number: int
    answer: str | None = "1"
    ago: float = 12.0
    payment: str | None = ""
    entity: str | None = ""
    card: str | None = None
    propensity: float | None = None
    traffic: str = "live"
    request: str | None = ""

    @property
    def time(self) -> datetime:
        return NOW - timedelta(hours=self.ago)

    @property
    def key(self) -> str | None:
        return f"p{self.number}" if self.payment == "" else self.payment

    def row(self) -> dict[str, Any]:
        return {
            "request_id": f"r{self.number}" if self.request == "" else self.request,
            "prediction_id": f"d{self.number}", "instance": 0, "time": self.time, "traffic": self.traffic,
            "version": "7", "epoch": 3, "entity": f"e{self.number}" if self.entity == "" else self.entity,
            "status": 200 if self.answer is not None else 500, "latency_seconds": 0.01, "answer": self.answer,
            "score": 0.75, "threshold": 0.5, "propensity": self.propensity, "key_payment": self.key,
            "key_card": self.card, "feature_amount": 1.0,
        }  # fmt: skip


def many(count: int, start: int = 0, **changed: Any) -> list[Predicted]:
    """Predictions of as many entities, spread over the matured day."""
    spread = [12 + 12 * n / max(1, count) for n in range(count)]
    return [replace(Predicted(start + n, ago=spread[n]), **changed) for n in range(count)]


def write(root: Path, rows: Iterable[Predicted], revision: str = "r1", shuffled: int | None = None) -> None:
    """A file for each day below `root`; in another order by another number."""
    every = list(rows)
    if shuffled is not None:
        random.Random(shuffled).shuffle(every)
    for day in {one.time.date() for one in every}:
        of_day = [one.row() for one in every if one.time.date() == day]
        directory = root / f"date={day.isoformat()}" / f"revision={revision}"
        directory.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(of_day, SCHEMA), directory / f"000000-pod-1-0-{len(of_day)}.parquet")


def write_labels(path: Path, labels: Sequence[tuple[Any, ...]], columns: Sequence[str] = ("payment", "fraud")) -> str:
    """A CSV file; returns its URI."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(labels)
    return path.as_uri()


def asked(root: Path, labels: Any, **changed: Any) -> dict[str, Any]:
    """What the operator writes into the Job's variable."""
    return {
        "uri": root.as_uri(), "revision": "r1", "since": SINCE.isoformat(), "until": UNTIL.isoformat(),
        "now": NOW.isoformat(), "metric": "precision", "label": "fraud", "key": "payment", "positive": "1",
        "maturity": MATURITY.total_seconds(), "needed": 48,
        "labels": {"uri": labels} if isinstance(labels, str) else labels, **changed,
    }  # fmt: skip


def measure(root: Path, labels: Any, environment: dict[str, str] | None = None, **changed: Any) -> dict[str, Any]:
    """The words of the Job's code, run here."""
    log = root.with_name(f"{root.name}-words")
    given = {"SLIPWAY_PERFORMANCE": json.dumps(asked(root, labels, **changed)), "SLIPWAY_TERMINATION_LOG": str(log)}
    code = main(given | (environment or {}))
    text = log.read_text()
    assert len(text.encode()) <= 4096
    said = dict(json.loads(text))
    assert (code == 0) == ("performance" in said), said
    return said


def run(root: Path, labels: Any, **changed: Any) -> tuple[int, dict[str, Any]]:
    """The Job as the process that the pod starts; its exit code and its words."""
    log = root.with_name(f"{root.name}-words")
    given = {"SLIPWAY_PERFORMANCE": json.dumps(asked(root, labels, **changed)), "SLIPWAY_TERMINATION_LOG": str(log)}
    command = [sys.executable, "-m", "slipway_pipelines.performance"]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    return done.returncode, dict(json.loads(log.read_text()))
