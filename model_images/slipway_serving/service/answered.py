"""Counts of answers over a process's whole life: who decided, the model's scores on reference edges, the slices.

The scores' buckets name that life, as those of features do (lifelong.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from slipway.features.slices import OTHER

from slipway_serving.service import counted
from slipway_serving.service.assignment import LIVE
from slipway_serving.service.classlabels import ClassLabels
from slipway_serving.service.countable import Countable
from slipway_serving.service.counted import Counted
from slipway_serving.service.exposition import Page, labels


class _Kind:
    """Counts of one kind of traffic."""

    def __init__(self, countable: Countable, classes: int) -> None:
        self.deciders = np.zeros(len(countable.deciders), np.int64)
        self.scores = np.zeros(countable.scores.buckets if countable.scores else 0, np.int64)
        self.slices = [np.zeros((len(one.values) + 1, max(classes, 1)), np.int64) for one in countable.slices]


class Answered:
    """One process's answers by kind of traffic; `classes` are the labels of the predictions' classes; `life` is a text
    that no other process of this pod has."""

    def __init__(self, countable: Countable, classes: ClassLabels, life: str) -> None:
        self._life = labels({"life": life})
        self._countable = countable
        self._classes = classes
        self._edges = np.asarray(countable.scores.edges if countable.scores else (), np.float64)
        self._kinds = {LIVE: _Kind(countable, len(classes))}
        self._predicted = _folded(countable.predicted, classes)
        self._anything = bool(countable.deciders or countable.scores or countable.slices)

    def add(self, kind: str, requests: Sequence[Counted]) -> None:
        """Counts the answers of one kind of traffic."""
        answered = [one for one in requests if one.answer is not None]
        if not self._anything or not answered:
            return
        one = self._kinds.get(kind)
        if one is None:
            one = self._kinds[kind] = _Kind(self._countable, len(self._classes))
        answers = [request.answer for request in answered if request.answer is not None]
        decided = [answer.decided_by for answer in answers if answer.decided_by is not None]
        if decided and len(one.deciders):
            # The model is -1 there and the last one here.
            places = np.concatenate(decided) % len(one.deciders)
            one.deciders += np.bincount(places, minlength=len(one.deciders))
        scores = [answer.scores for answer in answers if answer.scores is not None]
        if scores and len(one.scores):
            together = np.concatenate(scores)
            slots = np.searchsorted(self._edges, together[~np.isnan(together)], side="right")
            one.scores += np.bincount(slots, minlength=len(one.scores))
        if one.slices and (columns := counted.joined(answered)):
            self._slice(one, answered, self._countable.sliced(columns))

    def _slice(self, one: _Kind, answered: Sequence[Counted], slices: NDArray[np.intp]) -> None:
        with_rows = [request for request in answered if request.columns is not None]
        found, _ = counted.classes(with_rows, self._classes)
        if len(found) != len(slices):  # a model without known classes: all predictions share one label
            found = np.zeros(len(slices), np.intp)
        for index, counts in enumerate(one.slices):
            np.add.at(counts, (slices[:, index], found), 1)

    def render(self, page: Page) -> None:
        """Writes the families; live ones start at 0, those of other traffic exist from its first request on."""
        page.family("slipway_decisions_total", "counter", "Predictions by who decided.", self._decisions())
        page.family("slipway_score_bucket_total", "counter", "The model's scores on reference edges.", self._scores())
        page.family("slipway_score_reference", "gauge", "The reference's share of a bucket.", self._shares())
        page.family("slipway_prediction_reference", "gauge", "Held-out predictions by class.", self._expected())
        page.family("slipway_slice_predictions_total", "counter", "Predictions by slice.", self._slices())

    def _decisions(self) -> Iterator[tuple[str, float]]:
        names = [labels({"by": name}) for name in self._countable.deciders]
        for kind, one in self._kinds.items():
            for name, count in zip(names, one.deciders.tolist(), strict=True):
                yield f'traffic="{kind}",{name}', count

    def _scores(self) -> Iterator[tuple[str, float]]:
        for kind, one in self._kinds.items():
            for bucket, count in enumerate(one.scores.tolist()):
                yield f'traffic="{kind}",{self._life},bucket="{bucket}"', count

    def _shares(self) -> Iterator[tuple[str, float]]:
        reference = self._countable.scores
        for bucket, share in enumerate(reference.shares() if reference else ()):
            yield f'bucket="{bucket}"', share

    def _expected(self) -> Iterator[tuple[str, float]]:
        for name, count in zip(self._classes.names, self._predicted, strict=False):
            yield labels({"class": name}), count

    def _slices(self) -> Iterator[tuple[str, float]]:
        classes = [f",{labels({'class': name})}" for name in self._classes.names] or [""]
        for kind, one in self._kinds.items():
            for column, counts in zip(self._countable.slices, one.slices, strict=True):
                for value, row in zip((*column.values, OTHER), counts.tolist(), strict=True):
                    prefix = f'traffic="{kind}",' + labels({"slice": column.name, "value": value})
                    for name, count in zip(classes, row, strict=True):
                        yield f"{prefix}{name}", count


def _folded(predicted: Sequence[float], classes: ClassLabels) -> list[float]:
    """Counts of the model's classes by the labels that these share; none where nothing was predicted."""
    if not sum(predicted):
        return []
    return [float(count) for count in np.bincount(classes.places, predicted, len(classes))]
