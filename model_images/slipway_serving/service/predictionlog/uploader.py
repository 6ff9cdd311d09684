"""The thread that takes finished files to the store, for as long as it takes, and deletes what is too old there."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from slipway_serving.service.predictionlog.counters import Counters, store_fault
from slipway_serving.service.predictionlog.spool import Spool, rows_in
from slipway_serving.service.predictionlog.store import Store

logger = logging.getLogger("slipway.predictionlog")

_LOOK_SECONDS = 0.5
_LONGEST_PAUSE = 30.0
_EXPIRY_SECONDS = 6 * 3600.0


class Uploader(Thread):
    """Runs until `finish`, and then until the spool is empty or the time is over."""

    def __init__(self, spool: Spool, store: Store, counters: Counters, retention_seconds: float | None) -> None:
        super().__init__(name="prediction-log-uploader", daemon=True)
        self._spool, self._store, self._counters = spool, store, counters
        self._retention = retention_seconds
        self._finishing = Event()
        self._deadline = float("inf")
        self._next_expiry = time.monotonic()

    def finish(self, seconds: float) -> None:
        """Asks it to end once everything is stored, in at most `seconds`."""
        self._deadline = time.monotonic() + seconds
        self._finishing.set()

    def run(self) -> None:
        """Oldest first; after a failure it waits twice as long as before, half a minute at most.

        Whatever fails, the thread goes on: nobody else would take files to the store, or say that none arrive there.
        """
        pause = 1.0
        while time.monotonic() < self._deadline:
            try:
                if not self._step():
                    return
            except BaseException as error:  # a panic of obstore's Rust is no Exception; signals reach other threads
                self._counters.failing("uploader", store_fault(error))
                logger.error(
                    "the prediction log's oldest file is not stored, next try in %g s: %s", pause, _short(error)
                )
                pause = self._wait(pause)
            else:
                pause = 1.0

    def _step(self) -> bool:
        """Stores the oldest file, or waits a little for one; whether there may be more to do."""
        found = self._spool.next()
        if found is None:
            if self._finishing.is_set():
                return False
            self._expire()
            self._finishing.wait(_LOOK_SECONDS)
            return True
        file, key = found
        self._store.put(key, file)
        self._spool.done(file)
        self._counters.stored(rows_in(file))
        self._counters.failing("uploader", "")
        return True

    def _wait(self, pause: float) -> float:
        """Waits, shorter while the pod is stopping; returns how long to wait the next time."""
        if self._finishing.is_set():
            time.sleep(min(0.5, pause))
            return pause
        self._finishing.wait(pause)
        return min(2 * pause, _LONGEST_PAUSE)

    def _expire(self) -> None:
        if self._retention is None or time.monotonic() < self._next_expiry:
            return
        self._next_expiry = time.monotonic() + _EXPIRY_SECONDS
        oldest = datetime.now(UTC) - timedelta(seconds=self._retention)
        try:
            deleted = self._store.expire(oldest.date())
        except BaseException as error:  # as above; rows are stored all the same
            logger.error("old files of the prediction log cannot be deleted: %s", _short(error))
            return
        self._counters.expired(deleted)
        if deleted:
            logger.info("%d files of the prediction log from before %s are deleted", deleted, oldest.date())


def _short(error: BaseException) -> str:
    """The kind and the first lines: a store's answer may be a page."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
