"""Intervals of a quantile from order statistics: exact for any distribution, with nothing but the standard library.

Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1. Used by the operator and inside the
Job that measures, so that both judge by the same ranks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def ranks(size: int, share: float, alpha: float) -> tuple[int, int]:
    """Ranks (from 1) of the two order statistics of `size` values that bound the quantile of `share` (0 to 1), each of
    the two wrong with probability `alpha` at most.

    0 as the lower and `size + 1` as the upper rank mean that so few values bound nothing on that side.
    """
    low, high, below = 0, size + 1, 0.0
    for count in range(size + 1):
        # `below` is P(fewer than `count` values lie under the quantile).
        if count and below <= alpha:
            low = count
        if 1.0 - below <= alpha:
            high = count
            break
        below += _mass(size, count, share)
    return low, high


def interval(ordered: Sequence[float], share: float, alpha: float) -> tuple[float, float]:
    """The bounds themselves, of values in ascending order; 0 and infinity where there is no bound."""
    low, high = ranks(len(ordered), share, alpha)
    return ordered[low - 1] if low else 0.0, ordered[high - 1] if high <= len(ordered) else math.inf


def excess(size: int, share: float, alpha: float) -> int:
    """How many of `size` values above a limit show that the quantile lies above it, whatever the others are."""
    return size + 1 - ranks(size, share, alpha)[0]


def _mass(size: int, count: int, share: float) -> float:
    """P(X = count), X binomial."""
    choices = math.lgamma(size + 1) - math.lgamma(count + 1) - math.lgamma(size - count + 1)
    return math.exp(choices + count * math.log(share) + (size - count) * math.log1p(-share))
