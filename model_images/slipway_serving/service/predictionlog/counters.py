"""What became of the rows: every one is stored, still on its way, or dropped for a reason."""

from __future__ import annotations

from threading import Lock

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from slipway_serving.service.exposition import Page, labels

QUEUE, SPOOL, FAULT = "queue", "spool", "fault"
"""Why rows are dropped: requests came faster than rows are written; the store was away for longer than the spool
lasts; a file could not be written (a full disk), or values that no column can hold."""

ACCESS, PLACE, CERTIFICATE, UNREACHABLE, DISK = "access", "place", "certificate", "unreachable", "disk"
"""Why rows wait: the store refuses the credentials; there is no such bucket or directory; its certificate is not
trusted; nothing answers; a file cannot be written. The operator tells each in other words (core/rollout/logged.py)."""


def store_fault(error: BaseException) -> str:
    """Why a file was not stored, of the words above."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return ACCESS
    if isinstance(error, FileNotFoundError):
        return PLACE
    text = str(error).lower()
    return CERTIFICATE if "certificate" in text or "unknownissuer" in text else UNREACHABLE


class Counters:
    """Counts from several threads. Series start at 0, so that a first drop is an increase."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows = 0
        self._files = 0
        self._expired = 0
        self._dropped = {QUEUE: 0, SPOOL: 0, FAULT: 0}
        self._failing: dict[str, str] = {}

    def stored(self, rows: int) -> None:
        """A file with so many rows has reached the store."""
        with self._lock:
            self._rows += rows
            self._files += 1

    def dropped(self, reason: str, rows: int) -> None:
        """So many rows are lost for `reason`."""
        with self._lock:
            self._dropped[reason] += rows

    def expired(self, files: int) -> None:
        """So many files of the store were older than the retention."""
        with self._lock:
            self._expired += files

    def failing(self, part: str, why: str) -> None:
        """A part cannot do its work now, `why` in a word of the above; an empty one says that it can again."""
        with self._lock:
            if why:
                self._failing[part] = why
            else:
                self._failing.pop(part, None)

    @property
    def rows(self) -> int:
        """Rows in the store."""
        return self._rows

    @property
    def lost(self) -> int:
        """Rows that were dropped, for whatever reason."""
        return sum(self._dropped.values())

    def render(self, page: Page, waiting: int, spooled: int) -> None:
        """Writes the families; `waiting` rows are in the queue, `spooled` bytes wait for the store."""
        with self._lock:
            dropped = [(f'reason="{reason}"', count) for reason, count in self._dropped.items()]
            numbers = (self._rows, self._files, self._expired)
            failing = [(labels({"reason": why}), 1) for why in sorted({*self._failing.values()})] or [("", 0)]
        name = "slipway_prediction_log"
        rows, files, expired = numbers
        page.family(f"{name}_rows_total", "counter", "Rows that reached the store.", [("", rows)])
        page.family(f"{name}_dropped_total", "counter", "Rows that were lost.", dropped)
        page.family(f"{name}_files_total", "counter", "Files that reached the store.", [("", files)])
        page.family(f"{name}_expired_total", "counter", "Files deleted by age.", [("", expired)])
        page.family(f"{name}_waiting_rows", "gauge", "Rows that are not in a file yet.", [("", waiting)])
        page.family(f"{name}_spooled_bytes", "gauge", "Bytes that the store has not taken yet.", [("", spooled)])
        page.family(f"{name}_failing", "gauge", "1 while rows cannot be written or stored.", failing)
