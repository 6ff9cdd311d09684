"""Evidence of the two newest epochs: what gates and A/B tests read.

An epoch is a span of constant weights; evidence restarts with it (evidence.md, Simpson's paradox). Everything here
only grows within an epoch of one process, so the operator reads each series by `max_over_time` and sums over processes:
over pods, and by the label `life` over the processes that a pod's container had one after another. Registers need none,
since the largest of all counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service import counted
from slipway_serving.service.assignment import REGISTERS
from slipway_serving.service.classlabels import ClassLabels
from slipway_serving.service.counted import Counted
from slipway_serving.service.exposition import Page, labels

_KEPT_EPOCHS = 2
_CLUSTERS = 256
_MOMENTS = ("count", "sum", "sumsq")


class _Epoch:
    """Counts of one kind of traffic in one epoch; the arrays of clusters and registers come with the first entity."""

    def __init__(self, edges: Sequence[float], classes: ClassLabels) -> None:
        self.requests: Counter[tuple[bool, str]] = Counter()
        self.predictions: dict[bool, NDArray[np.int64]] = {}
        self.durations: dict[bool, NDArray[np.int64]] = {}
        self.cluster_requests = np.zeros((_CLUSTERS, 2), np.int64)
        self.cluster_predictions = np.zeros((_CLUSTERS, len(classes)), np.int64)
        self.cluster_scores = np.zeros((_CLUSTERS, len(_MOMENTS)))
        self.registers = np.zeros(REGISTERS, np.uint8)
        self._edges = edges
        self._classes = classes

    def add(self, requests: Sequence[Counted]) -> None:
        for assigned in (False, True):
            part = [one for one in requests if one.origin.assigned is assigned]
            if part:
                self._add(assigned, part)

    def _add(self, assigned: bool, requests: Sequence[Counted]) -> None:
        for code, count in counted.codes(requests).items():
            self.requests[assigned, code] += count
        slots = np.searchsorted(self._edges, counted.seconds(requests))
        durations = self.durations.setdefault(assigned, np.zeros(len(self._edges) + 1, np.int64))
        durations += np.bincount(slots, minlength=len(durations))
        predictions = self.predictions.setdefault(assigned, np.zeros(len(self._classes), np.int64))
        classes, sizes = counted.classes(requests, self._classes)
        if len(self._classes):
            predictions += np.bincount(classes, minlength=len(self._classes))
        if assigned:
            self._cluster(requests, classes, sizes)

    def _cluster(self, requests: Sequence[Counted], classes: NDArray[np.intp], sizes: NDArray[np.intp]) -> None:
        clusters = np.array([one.origin.cluster for one in requests], np.intp)
        failed = np.array([one.status >= 500 for one in requests], np.intp)
        np.add.at(self.cluster_requests, (clusters, failed), 1)
        np.add.at(self.cluster_predictions, (np.repeat(clusters, sizes), classes), 1)
        scores = [None if one.answer is None else one.answer.scores for one in requests]
        given = [one for one in scores if one is not None]
        if given:
            owners = np.repeat(clusters, [0 if one is None else len(one) for one in scores])
            self._moments(owners, np.concatenate(given))
        ranks = np.array([one.origin.rank for one in requests], np.uint8)
        np.maximum.at(self.registers, [one.origin.register for one in requests], ranks)

    def _moments(self, clusters: NDArray[np.intp], scores: NDArray[np.float64]) -> None:
        """A score that is NaN is none: a rule answered, which is evidence of the variant's answers and not of its
        model's scores."""
        present = ~np.isnan(scores)
        clusters, scores = clusters[present], scores[present]
        for moment, values in enumerate((np.ones_like(scores), scores, scores * scores)):
            self.cluster_scores[:, moment] += np.bincount(clusters, values, _CLUSTERS)


class Evidence:
    """All epochs that still matter. `classes` label predictions; `edges` are those of the latency, in seconds; `life`
    is a text that no other process of this pod has."""

    def __init__(self, edges: Sequence[float], classes: ClassLabels, life: str) -> None:
        self._edges = tuple(edges)
        self._life = life
        self._classes = classes
        self._epochs: dict[int, dict[str, _Epoch]] = {}

    def add(self, traffic: str, requests: Sequence[Counted]) -> None:
        """Counts what the gateway sent of one kind of traffic; an epoch older than the two newest is too late."""
        by_epoch: dict[int, list[Counted]] = {}
        for one in requests:
            if one.origin.epoch is not None:
                by_epoch.setdefault(one.origin.epoch, []).append(one)
        for epoch, part in by_epoch.items():
            if epoch not in self._epochs:
                newest = sorted({*self._epochs, epoch})[-_KEPT_EPOCHS:]
                if epoch not in newest:
                    continue
                self._epochs = {kept: self._epochs.get(kept, {}) for kept in newest}
            kinds = self._epochs[epoch]
            if traffic not in kinds:
                kinds[traffic] = _Epoch(self._edges, self._classes)
            kinds[traffic].add(part)

    def render(self, page: Page) -> None:
        """Writes every series of the contract's `slipway_evidence_*` and the sketch; zero cells are left out."""
        records = [(epoch, kind, one) for epoch, kinds in self._epochs.items() for kind, one in kinds.items()]
        sketches = [(labels({"traffic": kind, "epoch": str(epoch)}), one) for epoch, kind, one in _sorted(records)]
        life = labels({"life": self._life})
        prefixed = [(f"{prefix},{life}", one) for prefix, one in sketches]
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
        page.family("slipway_exposure_register", gauge, "HyperLogLog ranks of distinct entities.", _registers(sketches))

    def _requests(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        for prefix, one in records:
            for (assigned, code), count in sorted(one.requests.items()):
                yield f'{prefix},assigned="{_truth(assigned)}",code="{code}"', count

    def _predictions(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes.names]
        for prefix, one in records:
            for assigned, sums in sorted(one.predictions.items()):
                for name, count in zip(names, sums.tolist(), strict=True):
                    yield f'{prefix},assigned="{_truth(assigned)}",{name}', count

    def _durations(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [*(f"{edge:.12g}" for edge in self._edges), "+Inf"]
        for prefix, one in records:
            for assigned, counts in sorted(one.durations.items()):
                for name, total in zip(names, accumulate(counts.tolist()), strict=True):
                    yield f'{prefix},assigned="{_truth(assigned)}",le="{name}"', total

    def _cluster_predictions(self, records: list[tuple[str, _Epoch]]) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes.names]
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
        for register in np.flatnonzero(one.registers).tolist():
            yield f'{prefix},register="{register}"', int(one.registers[register])


def _truth(value: bool) -> str:
    return "true" if value else "false"
