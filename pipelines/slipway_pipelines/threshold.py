"""The decision threshold, frozen on validation rows before the test rows are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.criteria import Criterion
from slipway_pipelines.wilson import wilson_lower

DEFAULT = 0.5
Floats = NDArray[np.float64]


def choose_threshold(
    score: Floats, is_positive: NDArray[np.bool_], criteria: Sequence[Criterion], worth: Floats | None = None
) -> float:
    """The threshold at and above which a row is called positive.

    A criterion of the form "A at B", such as recall >= 0.95 at precision >= 0.80, asks for the one at which the worse
    of the two Wilson lower bounds is furthest above its limit, hence likeliest to hold on new rows. Where the task says
    what an answer is worth, it is the one that is worth most, of those at which both bounds hold if any does. Else 0.5.

    Args:
        worth: of a hit, a false alarm, a row rightly left alone and a miss, shape (rows, 4).
    """
    wanted = next((one for one in criteria if one.at is not None and _possible(one)), None)
    if (wanted is None and worth is None) or not is_positive.any() or is_positive.all():
        return DEFAULT
    cuts = np.unique(score)
    parts = wanted.parts if wanted is not None else ()
    margins = [_lower(part.metric, score, is_positive, cuts) - part.bound for part in parts]
    least = np.min(margins, axis=0) if margins else np.zeros(len(cuts))
    if worth is None or not (least >= 0).any():
        return _between(cuts, int(np.argmax(least)))
    return _between(cuts, int(np.argmax(np.where(least >= 0, _gain(score, is_positive, worth, cuts), -np.inf))))


def _gain(score: Floats, is_positive: NDArray[np.bool_], worth: Floats, cuts: Floats) -> Floats:
    """At every cut, what calling the rows at and above it is worth more than calling none."""
    hit, alarm, left, miss = worth.T
    order = np.argsort(score, kind="stable")
    gained = np.where(is_positive, hit - miss, alarm - left)[order]
    above: Floats = np.cumsum(gained[::-1])[::-1]
    return above[np.searchsorted(score[order], cuts, side="left")]


def _possible(criterion: Criterion) -> bool:
    shares = {"precision", "recall", "specificity"}
    return all(part.wants_more and part.metric in shares for part in criterion.parts)


def _between(cuts: Floats, index: int) -> float:
    """Halfway to the next lower score: a rounding of the last digit between two machines flips no decision."""
    return float(cuts[index] if index == 0 else (cuts[index] + cuts[index - 1]) / 2)


def _lower(name: str, score: Floats, is_positive: NDArray[np.bool_], cuts: Floats) -> Floats:
    """Lower bound of a share at every cut; undefined shares count as 0."""
    positives, negatives = np.sort(score[is_positive]), np.sort(score[~is_positive])
    tp = len(positives) - np.searchsorted(positives, cuts, side="left")
    fp = len(negatives) - np.searchsorted(negatives, cuts, side="left")
    hits, of = {
        "precision": (tp, tp + fp),
        "recall": (tp, np.full_like(tp, len(positives))),
        "specificity": (len(negatives) - fp, np.full_like(fp, len(negatives))),
    }[name]
    share = hits / np.maximum(of, 1)
    return np.where(of > 0, wilson_lower(share, np.maximum(of, 1)), 0.0)
