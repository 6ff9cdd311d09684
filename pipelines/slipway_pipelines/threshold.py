"""The decision threshold, frozen on validation rows before the test rows are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.criteria import Criterion
from slipway_pipelines.wilson import wilson_lower

DEFAULT = 0.5
Floats = NDArray[np.float64]


def choose_threshold(score: Floats, is_positive: NDArray[np.bool_], criteria: Sequence[Criterion]) -> float:
    """The threshold at and above which a row is called positive.

    Only a criterion of the form "A at B", such as recall >= 0.95 at precision >= 0.80, asks for another one than 0.5:
    the one at which the worse of the two Wilson lower bounds is furthest above its limit, hence likeliest to hold on
    new rows.
    """
    wanted = next((one for one in criteria if one.at is not None and _possible(one)), None)
    if wanted is None or not is_positive.any() or is_positive.all():
        return DEFAULT
    cuts = np.unique(score)
    margins = [_lower(part.metric, score, is_positive, cuts) - part.bound for part in wanted.parts]
    return _between(cuts, int(np.argmax(np.min(margins, axis=0))))


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
