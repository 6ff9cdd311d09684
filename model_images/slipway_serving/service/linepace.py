"""Log lines that whoever sends requests can cause: at most one in a while, with the number of those left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


class LinePace:
    """Lets one line through in `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next = float("-inf")
        self._left_out = 0

    def due(self) -> bool:
        """Whether a line may be written now; one that may not is counted."""
        now = self._clock()
        if now < self._next:
            self._left_out += 1
            return False
        self._next = now + self._seconds
        return True

    def left_out(self) -> str:
        """How many lines were left out since this was last asked, as the end of a line; empty for none."""
        count, self._left_out = self._left_out, 0
        return f" ({count} more since the last line)" if count else ""


class PacedFilter(logging.Filter):
    """For a library's logger that writes a line for each malformed request: a minute's lines become a few."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._paces: dict[str, LinePace] = {}
        self._seconds = seconds

    def filter(self, record: logging.LogRecord) -> bool:
        """Each text has a pace of its own; errors always pass. The texts are the library's own, so they are few."""
        if record.levelno >= logging.ERROR or record.levelno < logging.WARNING:
            return True
        pace = self._paces.setdefault(str(record.msg)[:100], LinePace(self._seconds))
        if not pace.due():
            return False
        record.msg, record.args = f"{record.getMessage()}{pace.left_out()}", None
        return True
