"""One door for everything that is counted, so that a request is counted once and a scrape sees whole requests."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.answered import Answered
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.countable import Countable
from slipway_serving.service.evidence import Evidence
from slipway_serving.service.exposition import Page, labels
from slipway_serving.service.latency import latency_edges
from slipway_serving.service.lifelong import Lifelong
from slipway_serving.service.settings import Settings

MOST_CLASSES = 20
OTHER = "other"


def bounded_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Labels of at most 20 classes; all further ones share `other`, so that a label's cardinality is bounded."""
    return tuple(classes) if len(classes) <= MOST_CLASSES else (*classes[:MOST_CLASSES], OTHER)


class Rendered(Protocol):
    """What has metrics of its own."""

    def render(self, page: Page) -> None:
        """Writes its families."""


class Measurements:
    """The counts of one process. With several worker processes each would need its own scrape: there is one."""

    def __init__(self, settings: Settings, countable: Countable) -> None:
        edges = latency_edges(settings.latency_edges)
        names = bounded_classes(countable.classes)
        self._constant = {"rollout": settings.rollout, "revision": settings.revision}
        self._version = settings.version
        self._lifelong = Lifelong(edges, names, countable.features)
        self._answered = Answered(countable, names)
        self._evidence = Evidence(edges, names)
        self._classes = len(names)
        self._lock = Lock()

    def add(
        self,
        origin: Origin,
        status: int,
        seconds: float,
        answer: Answer | None = None,
        rows: NDArray[np.float64] | None = None,
        slices: NDArray[np.intp] | None = None,
    ) -> None:
        """Counts one answered request with its answer, its profiled values `rows` and its `slices`."""
        code = f"{status // 100}xx"
        counts: list[int] = []
        if answer is not None and answer.classes is not None and self._classes:
            counts = np.bincount(np.minimum(answer.classes, self._classes - 1), minlength=self._classes).tolist()
        scores = None if answer is None else answer.scores
        with self._lock:
            self._lifelong.add(origin.traffic, code, seconds, counts, rows)
            self._evidence.add(origin, code, seconds, counts, scores)
            if answer is not None:
                self._answered.add(origin.traffic, answer, slices)

    def render(self, log: Rendered | None = None) -> str:
        """One scrape in Prometheus' text format, with that of the prediction log where there is one."""
        page = Page(self._constant)
        info = labels({"version": self._version})
        with self._lock:
            page.family("slipway_serving_info", "gauge", "This pod's model.", [(info, 1)])
            self._lifelong.render(page)
            self._answered.render(page)
            self._evidence.render(page)
        if log is not None:
            log.render(page)
        return page.text()
