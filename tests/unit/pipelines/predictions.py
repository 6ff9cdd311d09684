"""A prediction log as the servers of stable and candidate write it, for comparisons of its pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from arro3.core import RecordBatch
from arro3.io import write_parquet
from slipway_pipelines.pairs.__main__ import main
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.predictionlog.queue import Entry
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings

from tests.unit.serving.logged import SCHEMA

SINCE = datetime(2026, 5, 1, 12, tzinfo=UTC)  # a Friday
UNTIL = SINCE + timedelta(hours=1)
EPOCH = 3


@dataclass(frozen=True)
class Asked:
    """One request and both answers; None: that model failed. `entity` is a digest of the assignment header."""

    number: int
    stable: int | None = 0
    candidate: int | None = 0
    apart: float = 0.0
    entity: str | None = None
    card: str = "4711"
    country: str = "it"
    epoch: int = EPOCH
    mirrored: bool = True
    id: str | None = ""
    at: float = 0.5

    @property
    def time(self) -> datetime:
        """`at` is its place in the hour."""
        return SINCE + self.at * timedelta(hours=1)


def requests(count: int, **changed: Any) -> list[Asked]:
    """Requests of an hour, each of an entity of its own."""
    return [replace(Asked(n, entity=f"{n:064x}", at=n / count), **changed) for n in range(count)]


def write(root: Path, asked: Iterable[Asked], parts: int = 1) -> None:
    """Files of stable (revision r1) and candidate (r2) below `root`."""
    every = list(asked)
    for revision, rows in (("r1", every), ("r2", [one for one in every if one.mirrored])):
        for part in range(parts):
            entries = [_entry(one, revision) for one in rows[part::parts]]
            directory = root / f"date={SINCE:%Y-%m-%d}" / f"revision={revision}"
            directory.mkdir(parents=True, exist_ok=True)
            if entries:
                layout = RowLayout(SCHEMA, "7", LogSettings("file:///x"))
                batch: RecordBatch = layout.batch(entries)
                write_parquet(batch, directory / f"130000-pod-{part}-{len(entries)}.parquet")


def _entry(asked: Asked, revision: str) -> Entry:
    label, score = (asked.stable, 0.25) if revision == "r1" else (asked.candidate, 0.25 + asked.apart)
    answer = None if label is None else Answer([label], np.array([label]), np.array([score]), 0.5)
    traffic = "live" if revision == "r1" else "shadow"
    name = f"request-{asked.number}" if asked.id == "" else asked.id
    return Entry(
        int(asked.time.timestamp() * 1e9), name, "p" * 32, Origin(traffic, asked.epoch), asked.entity,
        500 if answer is None else 200, 0.002, [[1.0], [asked.country]], [[asked.card]], answer, 1, 40,
    )  # fmt: skip


def compare(root: Path, uri: str = "", **changed: Any) -> tuple[int, dict[str, Any]]:
    """Runs the Job; returns its exit code and its words."""
    asked = {
        "uri": uri or root.as_uri(), "stable": "r1", "candidate": "r2", "epoch": EPOCH, "since": SINCE.isoformat(),
        "until": UNTIL.isoformat(), "positive": "1", "assigned": True, **changed,
    }  # fmt: skip
    log = root.with_name(f"{root.name}-words")
    code = main({"SLIPWAY_PAIRS": json.dumps(asked), "SLIPWAY_TERMINATION_LOG": str(log)})
    text = log.read_text()
    assert len(text.encode()) <= 4096
    return code, json.loads(text)
