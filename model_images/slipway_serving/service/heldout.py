"""Entities that are held out: what they are answered, and what the model would have answered them, by slice.

The model is asked for them as well, so that their requests cost and last what all others do; and since chance chose
them, its would-be answers differ from those to everybody else only where answers change what people ask next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from slipway.features.baseline import BASELINE, Baseline, read_baseline
from slipway.features.decision import RuleText
from slipway.features.rules import NO_RULE
from slipway.features.slices import OTHER

from slipway_serving.service import counted
from slipway_serving.service.assignment import HOLDOUT, LIVE
from slipway_serving.service.classlabels import ClassLabels
from slipway_serving.service.countable import Countable
from slipway_serving.service.counted import Counted
from slipway_serving.service.exposition import Page, labels
from slipway_serving.service.hybrid import ServingRules
from slipway_serving.service.schema import Schema

logger = logging.getLogger("slipway.serving")

BLOCKS = 64
"""Analysis clusters here: by slice, the 256 of the evidence would be four times as many series."""

_KEPT_EPOCHS = 2


class Told(NamedTuple):
    """What a request is answered: a label for each row, and who decided; None where a model without rules did."""

    labels: list[Any]
    deciders: list[str] | None


class BaselineRules:
    """The baseline, bound to the inputs and classes of a model.

    Raises ValueError for one that this model's inputs or classes do not bear.
    """

    def __init__(self, baseline: Baseline, schema: Schema, classes: Sequence[Any] | None) -> None:
        # A last rule that always applies: its answer is bound to the classes like that of any other.
        last = RuleText("otherwise", "1 == 1", baseline.otherwise)
        self._rules = ServingRules((*baseline.rules, last), schema, classes)
        self._deciders = [*(f"{HOLDOUT}/{rule.name}" for rule in baseline.rules), HOLDOUT]

    def __len__(self) -> int:
        """How many rules there are."""
        return len(self._deciders) - 1

    def answer(self, columns: Sequence[list[Any]]) -> Told:
        """What these rows get."""
        deciding = self._rules.deciding(columns)
        assert (deciding != NO_RULE).all()  # the last rule applies to every row
        places = deciding.tolist()
        return Told([self._rules.answers[one] for one in places], [self._deciders[one] for one in places])


def load_baseline(directory: Path, schema: Schema, classes: Sequence[Any] | None) -> BaselineRules | None:
    """The baseline of a model directory; None where there is none that this model bears. A model serves without one:
    then nobody is held out, which the absence of `slipway_holdout_rules` tells."""
    path = directory / BASELINE
    if not path.exists():
        return None
    try:
        return BaselineRules(read_baseline(path.read_text()), schema, classes)
    except (OSError, ValueError) as error:
        logger.warning("nobody is held out: %s", error)
        return None


class Contrast:
    """The model's answers by slice and cluster, to entities that are held out and to all others, of the two newest
    epochs. Counted for models of two classes, from the first held-out request of the process on: other pods pay
    nothing."""

    def __init__(self, countable: Countable, classes: ClassLabels, life: str) -> None:
        self._life = labels({"life": life})
        self._sliced, self._classes = countable.sliced, classes
        self._rules = countable.holdout_rules
        named = [(one.name, value) for one in countable.slices for value in (*one.values, OTHER)]
        self._slices = [labels({"slice": name, "value": value}) for name, value in (("", ""), *named)]
        self._starts = np.cumsum([1, *(len(one.values) + 1 for one in countable.slices)])[:-1]
        self._active = False
        self._epochs: dict[int, dict[str, NDArray[np.int64]]] = {}

    def add(self, traffic: str, requests: Sequence[Counted]) -> None:
        """Counts what the gateway sent of one kind of traffic."""
        self._active = self._active or traffic == HOLDOUT
        if not self._active or traffic not in (LIVE, HOLDOUT) or len(self._classes) != 2:
            return
        by_epoch: dict[int, list[Counted]] = {}
        for one in requests:
            if one.origin.epoch is not None and one.origin.assigned and one.answer is not None and one.columns:
                by_epoch.setdefault(one.origin.epoch, []).append(one)
        for epoch, part in by_epoch.items():
            newest = sorted({*self._epochs, epoch})[-_KEPT_EPOCHS:]
            if epoch in newest:
                self._epochs = {kept: self._epochs.get(kept, {}) for kept in newest}
                self._count(self._counts(epoch, traffic), part)

    def _counts(self, epoch: int, traffic: str) -> NDArray[np.int64]:
        empty = np.zeros((len(self._slices), BLOCKS, len(self._classes)), np.int64)
        return self._epochs[epoch].setdefault(traffic, empty)

    def _count(self, counts: NDArray[np.int64], requests: Sequence[Counted]) -> None:
        classes, sizes = counted.classes(requests, self._classes)
        clusters = np.array([one.origin.cluster for one in requests], np.intp)
        blocks = np.repeat(clusters * BLOCKS // 256, sizes)
        np.add.at(counts[0], (blocks, classes), 1)
        if len(self._starts):
            places = self._sliced(counted.joined(requests)) + self._starts
            np.add.at(counts, (places, blocks[:, None], classes[:, None]), 1)

    def render(self, page: Page) -> None:
        """Writes the families; zero cells are left out."""
        own: list[tuple[str, float]] = [("", self._rules)] if self._rules else []
        page.family("slipway_holdout_rules", "gauge", "Rules that answer who is held out.", own)
        page.family("slipway_holdout_predictions", "gauge", "The model's answers by slice.", self._cells())

    def _cells(self) -> Iterator[tuple[str, float]]:
        names = [labels({"class": name}) for name in self._classes.names]
        for epoch, kinds in sorted(self._epochs.items()):
            for kind, counts in sorted(kinds.items()):
                prefix = f"{labels({'traffic': kind, 'epoch': str(epoch)})},{self._life}"
                for place, block, index in np.argwhere(counts).tolist():
                    cell = f'{self._slices[place]},cluster="{block:02x}",{names[index]}'
                    yield f"{prefix},{cell}", int(counts[place, block, index])
