"""Percentile guardrails as shares: p99 <= L says that at most 1% lie over L, where L is an edge of the histogram.

A percentile has no useful variance of its own; a share over a fixed edge is a ratio metric like any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from slipway.statistics.estimates import Floats
from slipway.statistics.hypotheses import Verdict, judge_limit

MINIMUM_BLOCKS = 12


def over(edges: Sequence[float], below: ArrayLike, limit: float) -> tuple[Floats, Floats]:
    """Events over `limit` and all trials.

    Args:
        edges: upper edges of the buckets, ascending, the last one infinite.
        below: cumulative counts, shape (…, edges): one histogram, or one for each cluster or block of time.

    Raises ValueError where the limit is not an edge: between two edges nobody knows how many lie above.
    """
    counts = np.asarray(below, float)
    at = [k for k, edge in enumerate(edges) if math.isclose(edge, limit, rel_tol=1e-9)]
    if not at:
        raise ValueError(f"limit {limit:g} is not an edge of the histogram: add it to the edges {list(edges)}")
    if counts.shape[-1] != len(edges) or (np.diff(counts, axis=-1) < 0).any():
        raise ValueError("below must be cumulative counts, one for each edge")
    return counts[..., -1] - counts[..., at[0]], counts[..., -1]


def judge_percentile(low: float, high: float, quantile: float, ended: bool = False) -> Verdict:
    """The verdict on "the percentile at `quantile` is at most the edge", from the interval of the share over it."""
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must lie within (0, 1), got {quantile}")
    return judge_limit(low, high, 1 - quantile, "Lower", ended)


def design_effect(events: ArrayLike, trials: ArrayLike) -> float:
    """How many times the binomial variance a share of requests really has, estimated over blocks of time; at least 1.

    Used where requests carry no entity. The estimate is an upper one: the observed ratio over the 10% quantile
    of its chi-square, so that a few calm blocks do not claim independence. Correlation longer than a block, and between
    entities that return in many of them, is not seen: it makes no evidence for an A/B. Infinite under MINIMUM_BLOCKS.

    Args:
        events, trials: per block of time, shape (blocks,), of one arm.
    """
    y, n = np.asarray(events, float), np.asarray(trials, float)
    used = n > 0
    y, n = y[used], n[used]
    if len(n) < MINIMUM_BLOCKS:
        return math.inf
    share = (y.sum() + 1) / (n.sum() + 2)
    freedom = len(n) - 1
    observed = float(((y - y.sum() / n.sum() * n) ** 2 / n).sum() / freedom / (share * (1 - share)))
    return max(1.0, observed / calm_blocks(freedom))


def calm_blocks(freedom: float) -> float:
    """The 10% quantile of a variance that is estimated with so many degrees of freedom, as a share of the true one."""
    # Wilson and Hilferty's approximation of the chi-square quantile, exact to a percent from 11 degrees on.
    cube = 1 - 2 / (9 * freedom) + float(ndtri(0.1)) * math.sqrt(2 / (9 * freedom))
    return float(cube**3)
