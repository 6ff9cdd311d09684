"""Files of the pod: one that is being written, and finished ones that wait for the store, bounded in bytes.

The directory outlives the container but not the pod: what a crash left there is taken to the store after the restart.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOSECONDS_A_DAY = 86_400 * 10**9


def partition(day: int, revision: str) -> str:
    """The directory of a day (counted from 1970, UTC) and a revision, named as Hive names partitions."""
    return f"date={(_EPOCH + timedelta(days=day)):%Y-%m-%d}/revision={revision}"


def rows_in(path: Path) -> int:
    """How many rows a finished file holds: its name says it, so that a drop can be counted without reading it."""
    return int(path.stem.rpartition("-")[2])


class Spool:
    """All finished files below `root`/ready, under the names that they will have in the store."""

    def __init__(self, root: Path, most_bytes: int, pod: str) -> None:
        self._open, self._ready = root / "open", root / "ready"
        self._most = most_bytes
        self._prefix = f"{pod}-{uuid.uuid4().hex[:8]}"
        self._made = 0
        self._lock = Lock()
        self._leaving: Path | None = None
        for directory in (self._open, self._ready):
            directory.mkdir(parents=True, exist_ok=True)
        for unfinished in self._open.iterdir():
            unfinished.unlink()

    def begin(self) -> Path:
        """The path of a new file."""
        self._made += 1
        return self._open / f"{self._prefix}-{self._made:06d}.parquet"

    def finish(self, file: Path, directory: str, rows: int) -> int:
        """Hands a complete file over to the store; returns the rows of those that had to go for it, oldest first."""
        target = self._ready / directory / f"{time.strftime('%H%M%S', time.gmtime())}-{file.stem}-{rows}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        with self._lock:
            return self._evict()

    def _evict(self) -> int:
        lost = 0
        files = self._files()
        excess = sum(size for _, size, _ in files) - self._most
        for _, size, path in files[:-1]:  # the newest stays, however large it is
            if excess > 0 and path != self._leaving:
                path.unlink()
                excess -= size
                lost += rows_in(path)
        return lost

    def _files(self) -> list[tuple[int, int, Path]]:
        """Age, bytes and path of the finished files, oldest first."""
        found = [(path.stat(), path) for path in self._ready.rglob("*.parquet")]
        return sorted((stat.st_mtime_ns, stat.st_size, path) for stat, path in found)

    def next(self) -> tuple[Path, str] | None:
        """The oldest finished file and its key in the store; it stays until `done`."""
        with self._lock:
            files = self._files()
            self._leaving = files[0][2] if files else None
            return (files[0][2], str(files[0][2].relative_to(self._ready))) if files else None

    def done(self, file: Path) -> None:
        """The store has taken the file."""
        with self._lock:
            file.unlink(missing_ok=True)
            self._leaving = None

    def rows(self) -> int:
        """Rows that wait for the store."""
        with self._lock:  # a file that the store takes meanwhile would be gone between its name and its size
            return sum(rows_in(path) for _, _, path in self._files())

    def bytes(self) -> int:
        """Bytes that wait for the store."""
        with self._lock:
            return sum(size for _, size, _ in self._files())
