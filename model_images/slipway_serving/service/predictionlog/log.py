"""The prediction log as the application sees it: give it an entry, ask it for its metrics, close it."""

from __future__ import annotations

import logging
import time

from slipway_serving.service.exposition import Page
from slipway_serving.service.predictionlog.counters import QUEUE, Counters
from slipway_serving.service.predictionlog.queue import Entry, EntryQueue
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import Spool
from slipway_serving.service.predictionlog.store import Store
from slipway_serving.service.predictionlog.uploader import Uploader
from slipway_serving.service.predictionlog.writer import Writer
from slipway_serving.service.schema import Schema
from slipway_serving.service.settings import Settings

logger = logging.getLogger("slipway.predictionlog")

LEAVE_SECONDS = 1.0
"""What a file on its way to the store gets when the time is over."""


class PredictionLog:
    """Queue, writer, spool and uploader of one process."""

    def __init__(self, settings: LogSettings, pod: Settings, schema: Schema) -> None:
        """Raises ValueError for settings that cannot work, OSError where the spool cannot be made."""
        self._counters = Counters()
        self._queue = EntryQueue()
        self._spool = Spool(settings.spool, settings.spool_bytes, settings.pod)
        layout = RowLayout(schema, pod.version, settings)
        metadata = {"slipway.rollout": pod.rollout, "slipway.revision": pod.revision, "slipway.version": pod.version}
        self._writer = Writer(self._queue, layout, self._spool, self._counters, settings, metadata)
        self._uploader = Uploader(self._spool, Store(settings), self._counters, settings.retention_seconds)
        self._writer.start()
        self._uploader.start()

    def add(self, entry: Entry) -> None:
        """Logs one answered request, or counts it as dropped; takes microseconds and never waits."""
        if not self._queue.put(entry):
            self._counters.dropped(QUEUE, entry.rows)

    def render(self, page: Page) -> None:
        """Writes the log's metrics."""
        self._counters.render(page, self._queue.waiting, self._spool.bytes())

    def close(self, seconds: float) -> None:
        """Writes and stores everything that was added, in at most `seconds` and LEAVE_SECONDS; says what it had to
        leave behind."""
        deadline = time.monotonic() + seconds
        self._queue.close()
        self._writer.join(seconds)
        self._uploader.finish(max(0.0, deadline - time.monotonic()))
        self._uploader.join(max(0.0, deadline - time.monotonic()) + LEAVE_SECONDS)
        left = self._queue.waiting + self._spool.rows()
        if left or self._writer.is_alive():
            logger.error("%d rows of the prediction log could not be stored before the pod ended", left)
        stored, lost = self._counters.rows, self._counters.lost
        logger.info("the prediction log is closed: %d rows stored, %d dropped", stored, lost)
