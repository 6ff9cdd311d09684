"""What a metric is: a function of judged rows and of weights, many sets of weights at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Held-out rows with the model's answers.

    Attributes:
        truth: class codes, or values for Regression; shape (n,).
        predicted: class codes at the frozen threshold, or values; shape (n,).
        scores: probability of each class, shape (n, classes); shape (n, 0) for Regression.
        positive: code of the positive class; None outside binary tasks.
        by_rule: which rows a rule answered before the model, shape (n,); their scores are the model's all the same.
        worth: of a hit, a false alarm, a row rightly left alone and a miss, shape (n, 4); None where nobody said.

    Binary rows are sorted by falling score of the positive class (see `sorted_by_score`), and `ends` are the last
    positions of runs of equal scores: ties must count as one step of a curve.
    """

    truth: NDArray[np.generic]
    predicted: NDArray[np.generic]
    scores: Floats
    positive: int | None = None
    ends: Ints | None = None
    by_rule: Bools | None = None
    worth: Floats | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def where(self, mask: Bools) -> Rows:
        """These rows alone, in their order."""
        kept = replace(self, truth=self.truth[mask], predicted=self.predicted[mask], scores=self.scores[mask])
        by_rule = None if self.by_rule is None else self.by_rule[mask]
        worth = None if self.worth is None else self.worth[mask]
        return replace(kept, by_rule=by_rule, worth=worth, ends=None if self.ends is None else run_ends(kept.score))

    @property
    def score(self) -> Floats:
        """The score of the positive class."""
        assert self.positive is not None
        column: Floats = self.scores[:, self.positive]
        return column

    @property
    def is_positive(self) -> Bools:
        """Which rows are positive in truth."""
        return np.asarray(self.truth == self.positive)

    @property
    def called_positive(self) -> Bools:
        """Which rows the model calls positive at the frozen threshold."""
        return np.asarray(self.predicted == self.positive)


def run_ends(score: Floats) -> Ints:
    """The last positions of runs of equal scores; empty where there are no rows."""
    if not len(score):
        return np.empty(0, np.int64)
    return np.append(np.flatnonzero(np.diff(score)), len(score) - 1)


Compute = Callable[[Rows, Floats], Floats]
Support = Callable[[Rows], tuple[Bools, ...]]


@dataclass(frozen=True)
class Metric:
    """One metric by its name in the API.

    Attributes:
        compute: (rows, weights of shape (draws, n)) → values of shape (draws,); NaN where undefined.
        higher_is_better: the direction; criteria read their own operator, people read this.
        support: the groups of rows without which it says nothing, such as the positives for recall. At a value of
            exactly `best` a bootstrap has no spread, and the smallest group's size bounds the metric instead.
        best: the value of a faultless model, where the metric is bounded.
    """

    name: str
    compute: Compute
    higher_is_better: bool
    support: Support
    best: float | None = None


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise quotient; NaN where the denominator is 0: an undefined metric is unknown, not zero."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    quotient: Floats = np.divide(numerator, denominator, out=out, where=denominator != 0)
    return quotient


def every_row(rows: Rows) -> tuple[Bools, ...]:
    """Support of metrics that all rows bear."""
    return (np.ones(len(rows), dtype=bool),)


def calibration_error(confidence: Floats, right: Floats, weights: Floats, bins: int = 15) -> Floats:
    """Expected calibration error over equal-width bins (Guo et al. 2017): weighted mean of |accuracy - confidence|."""
    cell = np.minimum((confidence * bins).astype(int), bins - 1)
    member = (cell[:, None] == np.arange(bins)).astype(float)
    gap = np.abs(weights @ (member * right[:, None]) - weights @ (member * confidence[:, None])).sum(axis=1)
    return ratio(gap, weights.sum(axis=1))
