"""One door for everything that is counted, so that a request is counted once and a scrape sees whole requests."""

from __future__ import annotations

import secrets
from threading import Lock
from typing import Protocol

from slipway_serving.service.answered import Answered
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.classlabels import class_labels
from slipway_serving.service.countable import Countable
from slipway_serving.service.counted import Columns, Counted
from slipway_serving.service.evidence import Evidence
from slipway_serving.service.exposition import Page, labels
from slipway_serving.service.heldout import Contrast
from slipway_serving.service.latency import latency_edges
from slipway_serving.service.lifelong import Lifelong
from slipway_serving.service.settings import Settings

# So many rows, or so large bodies, wait to be counted.
_MOST_ROWS, _MOST_BYTES = 512, 1 << 20


class Rendered(Protocol):
    """What has metrics of its own."""

    def render(self, page: Page) -> None:
        """Writes its families."""


class Measurements:
    """The counts of one process. With several worker processes each would need its own scrape: there is one."""

    def __init__(self, settings: Settings, countable: Countable) -> None:
        edges = latency_edges(settings.latency_edges)
        classes = class_labels(countable.classes)
        self._constant = {"rollout": settings.rollout, "revision": settings.revision}
        self._version = settings.version
        life = secrets.token_hex(4)
        self._lifelong = Lifelong(edges, classes, countable, life)
        self._answered = Answered(countable, classes, life)
        self._evidence = Evidence(edges, classes, life)
        self._contrast = Contrast(countable, classes, life)
        self._waiting: list[Counted] = []
        self._rows = self._bytes = 0
        self._lock = Lock()

    def add(
        self,
        origin: Origin,
        status: int,
        seconds: float,
        answer: Answer | None = None,
        columns: Columns | None = None,
        size: int = 0,
    ) -> None:
        """Counts one answered request with its answer and its values; `size` is about what these keep in memory."""
        with self._lock:
            self._waiting.append(Counted(origin, status, seconds, answer, columns))
            self._rows += len(columns[0]) if columns else 1
            self._bytes += size
            if self._rows >= _MOST_ROWS or self._bytes >= _MOST_BYTES:
                self._settle()

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._rows = self._bytes = 0
        by_traffic: dict[str, list[Counted]] = {}
        for one in waiting:
            by_traffic.setdefault(one.origin.traffic, []).append(one)
        for traffic, requests in by_traffic.items():
            self._lifelong.add(traffic, requests)
            self._answered.add(traffic, requests)
            self._evidence.add(traffic, requests)
            self._contrast.add(traffic, requests)

    def render(self, log: Rendered | None = None) -> str:
        """One scrape in Prometheus' text format, with that of the prediction log where there is one."""
        page = Page(self._constant)
        info = labels({"version": self._version})
        with self._lock:
            self._settle()
            page.family("slipway_serving_info", "gauge", "This pod's model.", [(info, 1)])
            self._lifelong.render(page)
            self._answered.render(page)
            self._evidence.render(page)
            self._contrast.render(page)
        if log is not None:
            log.render(page)
        return page.text()
