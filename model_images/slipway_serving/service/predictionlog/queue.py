"""Between the event loop and the writing thread: bounded in rows and in bytes, and no request ever waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import Any, NamedTuple

from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin

_LONGEST_ID = 128


class Entry(NamedTuple):
    """One request with what it was answered. `columns` holds a list of values per input, `keys` one per identifying
    column that travels beside the features; `time` is in nanoseconds since 1970, `size` the body's bytes. `answer` is
    the model's; `told` are the labels that an entity got instead which is held out."""

    time: int
    request: str | None
    prediction: str
    origin: Origin
    entity: str | None
    status: int
    seconds: float
    columns: Sequence[Sequence[Any]]
    keys: Sequence[Sequence[Any]]
    answer: Answer | None
    rows: int
    size: int
    told: Sequence[Any] | None = None


def request_id(text: str | None) -> str | None:
    """The request's id as it is logged: a client may have made it up."""
    return text[:_LONGEST_ID] if text else None


class EntryQueue:
    """One thread puts, another takes. Each side has counters of its own, so that no lock is needed."""

    def __init__(self, most_rows: int = 20_000, most_bytes: int = 16 << 20) -> None:
        self._entries: deque[Entry] = deque()
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._put_rows = self._put_bytes = self._taken_rows = self._taken_bytes = 0
        self._closed = Event()

    @property
    def waiting(self) -> int:
        """Rows that nobody has taken yet."""
        return self._put_rows - self._taken_rows

    @property
    def closed(self) -> bool:
        """Whether nothing more comes."""
        return self._closed.is_set()

    def put(self, entry: Entry) -> bool:
        """Takes the entry, or says no where it is full or closed."""
        full = self.waiting >= self._most_rows or self._put_bytes - self._taken_bytes >= self._most_bytes
        if full or self.closed:
            return False
        self._put_rows += entry.rows
        self._put_bytes += entry.size
        self._entries.append(entry)
        return True

    def take(self, most: int, seconds: float, most_bytes: int = 1 << 20) -> list[Entry]:
        """Entries of about `most` rows or `most_bytes` of bodies, whichever comes first; with fewer it waits for
        `seconds`, and takes what there is when it is closed.

        It looks now and then instead of being told: telling would cost every request. Few rows at a time would cost
        more than the rows themselves.
        """
        if self.waiting < most and self._put_bytes - self._taken_bytes < most_bytes:
            self._closed.wait(seconds)
        taken: list[Entry] = []
        rows = size = 0
        while self._entries and rows < most and size < most_bytes:
            entry = self._entries.popleft()
            taken.append(entry)
            rows += entry.rows
            size += entry.size
        self._taken_bytes += size
        self._taken_rows += rows
        return taken

    def close(self) -> None:
        """Takes nothing more; what is in it can still be taken."""
        self._closed.set()
