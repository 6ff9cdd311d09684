"""One run: the parts that are missing, one after the other, then the manifest."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa

from slipway_serving.scoring.faults import ScoringFault
from slipway_serving.scoring.request import ScoringRequest
from slipway_serving.scoring.rows import Instances
from slipway_serving.scoring.score import Scored, Scorer
from slipway_serving.scoring.source import Reader, Source
from slipway_serving.scoring.stores import Location
from slipway_serving.scoring.target import PartCount, Target
from slipway_serving.service.model import ServedModel
from slipway_serving.service.settings import Settings

PIECE = 4096
"""Rows that the model is asked at once. Pieces begin with a part: files and row groups have no part in an answer."""

_REASONS = 5
Progress = Callable[[dict[str, Any]], None]


class BadRecords:
    """Counts rows without an answer, and ends the run when they are too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0
        self.first: list[str] = []

    def add(self, row: int, reason: str) -> None:
        """One more. Raises ScoringFault."""
        self.known(1, (f"row {row}: {reason}",))

    def known(self, count: int, reasons: tuple[str, ...]) -> None:
        """Those of a part that exists."""
        self.count += count
        self.first += reasons[: _REASONS - len(self.first)]
        if self.count > self._most:
            raise ScoringFault(
                "TooManyBadRecords",
                f"more than {self._most} rows have no answer (maxBadRecords); the first: {'; '.join(self.first)}",
            )


class Run:
    """Scores a source with a model."""

    def __init__(self, request: ScoringRequest, settings: Settings, model: ServedModel, source: Source) -> None:
        """Raises ScoringFault when the input is not what the model wants."""
        self._request, self._settings, self._source = request, settings, source
        self._instances = Instances(model.schema, request, source.schema.names)
        self._scorer, self._bad = Scorer(model), BadRecords(request.max_bad_records)
        self._started = time.monotonic()
        self._scored = 0
        self._reader: Reader | None = None
        self._next = -1

    def trial(self) -> dict[str, Any]:
        """Scores the first part's rows and writes nothing."""
        rows = min(self._request.rows_per_part, self._source.rows)
        self._part(0, rows, ())
        return {"rows": rows, "badRecords": self._bad.count, "seconds": self._seconds(), "output": ""}

    def complete(self, output: Location, progress: Progress) -> dict[str, Any]:
        """Scores what is missing. Raises ScoringFault."""
        target = Target(output, self._request, self._settings, self._source)
        manifest = target.finished()
        if manifest is None:
            target.begin(self._source)
            parts = self._complete(target, progress)
            self._source.check_unchanged()
            manifest = target.end(self._source, PartCount(self._source.rows, self._bad.count), parts)
        target.point(manifest)
        return {
            "rows": manifest["rows"],
            "badRecords": manifest["badRecords"],
            "seconds": self._seconds(),
            "output": target.uri,
        }

    def _complete(self, target: Target, progress: Progress) -> int:
        size, total = self._request.rows_per_part, self._source.rows
        there, parts = target.parts(), max(1, -(-total // size))
        for place in range(parts):
            first, last = place * size, min((place + 1) * size, total)
            known = there.get(place)
            if known is not None and known.rows == last - first:
                self._bad.known(known.bad, known.reasons)
                continue
            before = len(self._bad.first)
            copied, scored = self._part(first, last, target.copied)
            self._source.check_unchanged(first, last)
            target.commit(place, copied, scored, self._bad.first[before:])
            progress({"rows": last, "of": total, "rowsPerSecond": round(self._scored / max(self._seconds(), 1e-9))})
        return parts

    def _part(self, first: int, last: int, copied: Any) -> tuple[pa.Table, Scored]:
        """Rows from `first` up to `last`."""
        if self._reader is None or self._next != first:
            piece = min(PIECE, self._request.rows_per_part)
            self._reader = self._source.reader(first, [*self._instances.columns, *copied], piece)
        tables, scored, at = [], Scored(), first
        while at < last:
            table = self._reader.take(min(PIECE, last - at))
            if not table.num_rows:
                raise ScoringFault("InputChanged", f"the input ended at row {at} of {self._source.rows}")
            scored.add(self._scorer.score(self._instances.read(table), partial(self._tell, at)))
            tables.append(table.select(list(copied)))
            at += table.num_rows
        self._next, self._scored = last, self._scored + last - first
        empty = self._reader.take(0).select(list(copied))
        return (pa.concat_tables(tables) if tables else empty), scored

    def _tell(self, start: int, place: int, reason: str) -> None:
        self._bad.add(start + place, reason)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)
