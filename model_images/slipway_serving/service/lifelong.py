"""Counts of a process's whole life: dashboards, drift, alarms. They start at 0: a first event is an increase.

The buckets of features name that life: a bucket that held 3 rows before a restart and 5 after it never falls, so that
nobody sees its restart but by the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service import counted
from slipway_serving.service.assignment import LIVE, SHADOW
from slipway_serving.service.classlabels import ClassLabels
from slipway_serving.service.countable import Countable
from slipway_serving.service.counted import Counted
from slipway_serving.service.exposition import Page, labels
from slipway_serving.service.profile import ReferenceFeature

CODES = ("2xx", "4xx", "5xx")


class _Traffic:
    """Counts of one kind of traffic."""

    def __init__(self, edges: int, classes: int, features: Sequence[ReferenceFeature]) -> None:
        self.requests = dict.fromkeys(CODES, 0)
        self.durations = np.zeros(edges + 1, np.int64)
        self.seconds = 0.0
        self.predictions = np.zeros(classes, np.int64)
        self.buckets = [np.zeros(feature.buckets, np.int64) for feature in features]
        self.missing = np.zeros(len(features), np.int64)


class Lifelong:
    """Requests, latency, predictions and feature histograms by kind of traffic; `life` is a text that no other
    process of this pod has."""

    def __init__(self, edges: Sequence[float], classes: ClassLabels, countable: Countable, life: str) -> None:
        self._life = labels({"life": life})
        self._edges = tuple(edges)
        self._classes = classes
        self._features = countable.features
        self._measured = countable.measured
        self._reference = [_inner_edges(feature) for feature in countable.features]
        self._kinds: dict[str, _Traffic] = {}
        self._with_rows = {LIVE}
        for kind in (LIVE, SHADOW):
            self._of(kind)

    def _of(self, kind: str) -> _Traffic:
        if kind not in self._kinds:
            self._kinds[kind] = _Traffic(len(self._edges), len(self._classes), self._features)
        return self._kinds[kind]

    def add(self, kind: str, requests: Sequence[Counted]) -> None:
        """Counts requests of one kind of traffic."""
        one = self._of(kind)
        for code, count in counted.codes(requests).items():
            one.requests[code] += count
        seconds = counted.seconds(requests)
        one.durations += np.bincount(np.searchsorted(self._edges, seconds), minlength=len(one.durations))
        one.seconds += float(seconds.sum())
        if len(self._classes):
            found, _ = counted.classes(requests, self._classes)
            one.predictions += np.bincount(found, minlength=len(self._classes))
        if self._features and (columns := counted.joined(requests)):
            self._with_rows.add(kind)
            self._distribute(one, self._measured(columns))

    def _distribute(self, one: _Traffic, table: NDArray[np.float64]) -> None:
        for index, edges in enumerate(self._reference):
            column = table[:, index]
            present = column[~np.isnan(column)]
            one.missing[index] += len(column) - len(present)
            slots = np.searchsorted(edges, present, side="right")
            one.buckets[index] += np.bincount(slots, minlength=len(one.buckets[index]))

    def render(self, page: Page) -> None:
        """Writes the life-long families of the contract."""
        page.family("slipway_requests_total", "counter", "Requests answered.", self._requests())
        page.histogram("slipway_request_duration_seconds", "Time of a request in the pod.", self._durations())
        page.family("slipway_predictions_total", "counter", "Predictions by class.", self._predictions())
        page.family("slipway_feature_bucket_total", "counter", "Values on the reference's edges.", self._buckets())
        page.family("slipway_feature_missing_total", "counter", "Missing values.", self._missing())
        page.family("slipway_feature_unseen_total", "counter", "Categories unknown to training.", self._unseen())
        page.family("slipway_feature_reference", "gauge", "The reference's share of a bucket.", self._shares())

    def _requests(self) -> Iterator[tuple[str, float]]:
        for kind, one in self._kinds.items():
            for code, count in one.requests.items():
                yield f'traffic="{kind}",code="{code}"', count

    def _durations(self) -> Iterator[tuple[str, str, float]]:
        names = [*(f"{edge:.12g}" for edge in self._edges), "+Inf"]
        for kind, one in self._kinds.items():
            for name, total in zip(names, accumulate(one.durations.tolist()), strict=True):
                yield "_bucket", f'traffic="{kind}",le="{name}"', total
            yield "_sum", f'traffic="{kind}"', one.seconds
            yield "_count", f'traffic="{kind}"', int(one.durations.sum())

    def _predictions(self) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes.names]
        for kind, one in self._kinds.items():
            for name, count in zip(names, one.predictions.tolist(), strict=True):
                yield f'traffic="{kind}",{name}', count

    def _with_features(self) -> list[tuple[str, _Traffic]]:
        """Live traffic, and what else brought rows: a third of a scrape would be cells of a shadow that is none."""
        return [(kind, one) for kind, one in self._kinds.items() if kind in self._with_rows]

    def _buckets(self) -> Iterator[tuple[str, float]]:
        for kind, one in self._with_features():
            for feature, counts in zip(self._features, one.buckets, strict=True):
                prefix = f'traffic="{kind}",{self._life},' + labels({"feature": feature.name})
                for bucket, count in enumerate(counts.tolist()):
                    yield f'{prefix},bucket="{bucket}"', count

    def _missing(self) -> Iterator[tuple[str, float]]:
        for kind, one in self._with_features():
            for feature, count in zip(self._features, one.missing.tolist(), strict=True):
                yield f'traffic="{kind}",' + labels({"feature": feature.name}), count

    def _unseen(self) -> Iterator[tuple[str, float]]:
        """Absent for a feature whose reference lists its frequent categories only: there, other is not unseen."""
        for kind, one in self._with_features():
            for feature, counts in zip(self._features, one.buckets, strict=True):
                if feature.complete:
                    yield f'traffic="{kind}",' + labels({"feature": feature.name}), int(counts[-1])

    def _shares(self) -> Iterator[tuple[str, float]]:
        for feature in self._features:
            prefix = labels({"feature": feature.name})
            for bucket, share in enumerate(feature.shares()):
                yield f'{prefix},bucket="{bucket}"', share


def _inner_edges(feature: ReferenceFeature) -> NDArray[np.float64]:
    """Edges that put value or category index into its bucket: a category's index is its bucket."""
    edges = feature.edges if feature.numeric else range(1, feature.buckets)
    return np.asarray(edges, np.float64)
