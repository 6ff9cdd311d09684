"""Evidence of the two newest epochs: what gates and A/B tests read.

An epoch is a span of constant weights; evidence restarts with it (evidence.md, Simpson's paradox). Everything here
only grows within an epoch of one process, so the operator reads each series by `max_over_time` and sums over pods.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.assignment import REGISTERS, Origin
from slipway_serving.service.exposition import Page, labels

_KEPT_EPOCHS = 2
_CLUSTERS = 256
_MOMENTS = ("count", "sum", "sumsq")
Scores = NDArray[np.float64] | None


class _Epoch:
    """Counts of one kind of traffic in one epoch; the arrays of clusters and registers come with the first entity."""

    def __init__(self, edges: int, classes: int) -> None:
        self.requests: dict[tuple[bool, str], int] = {}
        self.predictions: dict[bool, list[int]] = {}
        self.durations: dict[bool, list[int]] = {}
        self.cluster_requests = np.zeros((_CLUSTERS, 2), np.int64)
        self.cluster_predictions = np.zeros((_CLUSTERS, classes), np.int64)
        self.cluster_scores = np.zeros((_CLUSTERS, len(_MOMENTS)))
        self.registers = bytearray(REGISTERS)
        self._edges = edges
        self._classes = classes

    def add(self, origin: Origin, code: str, slot: int, counts: Sequence[int], scores: Scores) -> None:
        assigned = origin.assigned
        key = (assigned, code)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.durations.setdefault(assigned, [0] * (self._edges + 1))[slot] += 1
        sums = self.predictions.setdefault(assigned, [0] * self._classes)
        for index, count in enumerate(counts):
            sums[index] += count
        if origin.cluster is None:
            return
        self.cluster_requests[origin.cluster, 1 if code == "5xx" else 0] += 1
        if counts:
            self.cluster_predictions[origin.cluster] += counts
        if scores is not None:
            present = scores[~np.isnan(scores)]
            self.cluster_scores[origin.cluster] += (len(present), present.sum(), present @ present)
        if self.registers[origin.register] < origin.rank:
            self.registers[origin.register] = origin.rank


class Evidence:
    """All epochs that still matter. `classes` label predictions; `edges` are those of the latency, in seconds."""

    def __init__(self, edges: Sequence[float], classes: Sequence[str]) -> None:
        self._edges = tuple(edges)
        self._classes = tuple(classes)
        self._epochs: dict[int, dict[str, _Epoch]] = {}

    def add(self, origin: Origin, code: str, seconds: float, counts: Sequence[int], scores: Scores = None) -> None:
        """Counts one request that the gateway sent; one of an epoch older than the two newest is too late to count.

        A score that is NaN is none: a rule answered, which is evidence of the variant's answers and not of its model's
        scores.
        """
        if origin.epoch is None:
            return
        if origin.epoch not in self._epochs:
            newest = sorted({*self._epochs, origin.epoch})[-_KEPT_EPOCHS:]
            if origin.epoch not in newest:
                return
            self._epochs = {epoch: self._epochs.get(epoch, {}) for epoch in newest}
        kinds = self._epochs[origin.epoch]
        record = kinds.get(origin.traffic)
        if record is None:
            record = kinds[origin.traffic] = _Epoch(len(self._edges), len(self._classes))
        record.add(origin, code, bisect_left(self._edges, seconds), counts, scores)

    def render(self, page: Page) -> None:
        """Writes every series of the contract's `slipway_evidence_*` and the sketch; zero cells are left out."""
        records = [(epoch, kind, one) for epoch, kinds in self._epochs.items() for kind, one in kinds.items()]
        prefixed = [(labels({"traffic": kind, "epoch": str(epoch)}), one) for epoch, kind, one in _sorted(records)]
        gauge = "gauge"
        page.family("slipway_evidence_requests", gauge, "Requests of an epoch.", self._requests(prefixed))
        page.family("slipway_evidence_predictions", gauge, "Predictions of an epoch.", self._predictions(prefixed))
        page.family(
            "slipway_evidence_duration_bucket",
            gauge,
            "Requests of an epoch within le seconds.",
            self._durations(prefixed),
        )
        page.family(
            "slipway_evidence_cluster_requests", gauge, "Requests by analysis cluster.", _cluster_requests(prefixed)
        )
        page.family(
            "slipway_evidence_cluster_predictions",
            gauge,
            "Predictions by cluster.",
            self._cluster_predictions(prefixed),
        )
        page.family("slipway_evidence_cluster_scores", gauge, "Moments of scores by cluster.", _moments(prefixed))
        page.family("slipway_exposure_register", gauge, "HyperLogLog ranks of distinct entities.", _registers(prefixed))

    def _requests(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        for prefix, one in records:
            for (assigned, code), count in sorted(one.requests.items()):
                yield f'{prefix},assigned="{_truth(assigned)}",code="{code}"', count

    def _predictions(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes]
        for prefix, one in records:
            for assigned, sums in sorted(one.predictions.items()):
                for name, count in zip(names, sums, strict=True):
                    yield f'{prefix},assigned="{_truth(assigned)}",{name}', count

    def _durations(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [*(f"{edge:.12g}" for edge in self._edges), "+Inf"]
        for prefix, one in records:
            for assigned, counts in sorted(one.durations.items()):
                for name, total in zip(names, accumulate(counts), strict=True):
                    yield f'{prefix},assigned="{_truth(assigned)}",le="{name}"', total

    def _cluster_predictions(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes]
        for prefix, one in records:
            for cluster, index in np.argwhere(one.cluster_predictions).tolist():
                value = int(one.cluster_predictions[cluster, index])
                yield f'{prefix},cluster="{cluster:02x}",{names[index]}', value


def _sorted(records: list[tuple[int, str, _Epoch]]) -> list[tuple[int, str, _Epoch]]:
    return sorted(records, key=lambda record: record[:2])


def _cluster_requests(records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
    for prefix, one in records:
        for cluster, failed in np.argwhere(one.cluster_requests).tolist():
            outcome = "error" if failed else "ok"
            yield f'{prefix},cluster="{cluster:02x}",outcome="{outcome}"', int(one.cluster_requests[cluster, failed])


def _moments(records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
    for prefix, one in records:
        for cluster in np.flatnonzero(one.cluster_scores[:, 0]).tolist():
            for moment, value in zip(_MOMENTS, one.cluster_scores[cluster].tolist(), strict=True):
                yield f'{prefix},cluster="{cluster:02x}",moment="{moment}"', value


def _registers(records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
    for prefix, one in records:
        for register, rank in enumerate(one.registers):
            if rank:
                yield f'{prefix},register="{register}"', rank


def _truth(value: bool) -> str:
    return "true" if value else "false"
