"""The thread that makes files of entries: a file is closed by size, by age, at midnight (UTC) and at the end.

What the Parquet writer holds is bounded in bytes, whatever a row is: it ends a group of rows by their number alone, so
that each file has a number for rows as large as those that came last. Where rows outgrow it, the file ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from threading import Thread

from arro3.core import RecordBatch, RecordBatchReader
from arro3.io import write_parquet

from slipway_serving.service.predictionlog.counters import DISK, FAULT, SPOOL, Counters
from slipway_serving.service.predictionlog.queue import Entry, EntryQueue
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import NANOSECONDS_A_DAY, Spool, partition

logger = logging.getLogger("slipway.predictionlog")

# Rows become columns under Python's lock: a batch holds it for a millisecond or two, which requests do not feel.
_BATCH_ROWS = 256
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 0.0005
_RETRY_SECONDS = 1.0
# Of a group's columns, before they are compressed; a smaller `rotate_bytes` counts: rotation sees whole groups only.
_GROUP_BYTES = 8 << 20


class OpenGroup:
    """The rows that the Parquet writer has taken since it completed a group of `most` rows, and their bytes."""

    def __init__(self, most: int) -> None:
        self.bytes = 0.0
        self._most, self._rows = most, 0

    def add(self, rows: int, size: int) -> None:
        """It has taken a batch."""
        self._rows += rows
        self.bytes += size
        if self._rows >= self._most:
            self._rows %= self._most
            self.bytes = size * self._rows / rows


class Writer(Thread):
    """Runs until the queue is closed and empty."""

    def __init__(
        self, queue: EntryQueue, layout: RowLayout, spool: Spool, counters: Counters, settings: LogSettings,
        metadata: dict[str, str],
    ) -> None:  # fmt: skip
        super().__init__(name="prediction-log-writer", daemon=True)
        self._queue, self._layout, self._spool, self._counters = queue, layout, spool, counters
        self._settings = settings
        self._metadata = metadata
        self._held: list[Entry] = []
        self._rows = 0
        self._row_bytes = 1.0
        self._group_bytes = min(_GROUP_BYTES, settings.rotate_bytes)

    def run(self) -> None:
        """Writes file after file; a fault costs the rows that its file held already, never the thread."""
        while True:
            self._held = self._take(_LOOK_SECONDS)
            if self._held:
                self._write(_day(self._held[0]))
            elif self._queue.closed:
                return

    def _write(self, day: int) -> None:
        path = self._spool.begin()
        self._rows = 0
        rows = self._group_rows()
        try:
            reader = RecordBatchReader.from_batches(self._layout.schema, self._batches(day, path, OpenGroup(rows)))
            write_parquet(
                reader,
                path,
                compression="zstd(1)",
                dictionary_enabled=False,  # of numbers it costs more than it saves
                column_dictionary_enabled=dict.fromkeys(self._layout.texts, True),
                max_row_group_size=rows,
                key_value_metadata=self._metadata,
            )
            if self._rows:
                directory = partition(day, self._metadata["slipway.revision"])
                lost = self._spool.finish(path, directory, self._rows)
                self._counters.dropped(SPOOL, lost)
            path.unlink(missing_ok=True)
            self._counters.failing("writer", "")
        except BaseException as error:  # a full disk is a panic of arro3's Rust, which is no Exception
            self._counters.dropped(FAULT, self._rows)
            self._counters.failing("writer", DISK)
            logger.error("a file of the prediction log cannot be written, %d rows are lost: %s", self._rows, error)
            path.unlink(missing_ok=True)
            time.sleep(_RETRY_SECONDS)

    def _group_rows(self) -> int:
        """Rows of a group in the next file: half of what a group may take, were all as large as the last ones."""
        rows = sum(one.rows for one in self._held)
        size = max(self._row_bytes, sum(one.size for one in self._held) / max(1, rows))
        return max(1, min(self._layout.group_rows, int(self._group_bytes / 2 / size)))

    def _batches(self, day: int, path: Path, group: OpenGroup) -> Iterator[RecordBatch]:
        """What one file will hold, pulled by the one who writes it: nothing is kept but a group of rows."""
        until = time.monotonic() + self._settings.rotate_seconds
        while True:
            entries = self._take(min(_LOOK_SECONDS, max(0.0, until - time.monotonic())))
            same = list(takewhile(lambda entry: _day(entry) == day, entries))
            self._held = entries[len(same) :]
            batch = self._batch(same) if same else None
            if batch is not None:
                self._rows += batch.num_rows
                self._row_bytes = batch.nbytes / max(1, batch.num_rows)
                yield batch
                group.add(batch.num_rows, batch.nbytes)
                time.sleep(_PAUSE_SECONDS)  # lets a waiting request have its turn
            ended = self._queue.closed and not self._queue.waiting
            full = group.bytes >= self._group_bytes or _size(path) >= self._settings.rotate_bytes
            if self._held or ended or full or time.monotonic() >= until:
                return

    def _take(self, seconds: float) -> list[Entry]:
        held, self._held = self._held, []
        return held or self._queue.take(_BATCH_ROWS, seconds)

    def _batch(self, entries: list[Entry]) -> RecordBatch | None:
        try:
            return self._layout.batch(entries)
        except BaseException as error:  # a value that its column cannot hold: these rows, not the file
            rows = sum(entry.rows for entry in entries)
            self._counters.dropped(FAULT, rows)
            logger.error("%d predictions cannot be logged: %s", rows, error)
            return None


def _day(entry: Entry) -> int:
    return entry.time // NANOSECONDS_A_DAY


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
