"""How two metrics moved together over a few experiments. Pure; numpy and scipy.special only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri

LEAST = 3
"""Experiments below which nothing is said."""
_LEAST_FOR_Z = 4


@dataclass(frozen=True)
class Proportion:
    """`hits` of `trials`, with an interval."""

    hits: int
    trials: int
    low: float
    high: float


@dataclass(frozen=True)
class Correlation:
    """Pearson's r with its interval; NaN where one of the two did not move at all."""

    value: float
    low: float
    high: float


def same_direction(pairs: Sequence[tuple[float, float]], alpha: float = 0.05) -> Proportion:
    """In how many experiments both effects had the same sign, with the exact interval of Clopper and Pearson (1934).

    `pairs` are the effects of each experiment on the two metrics; one that did not move has no direction. Raises
    ValueError without any pair.
    """
    trials = len(pairs)
    if trials == 0:
        raise ValueError("there is no experiment")
    hits = sum(a * b > 0 for a, b in pairs)
    low = float(betaincinv(hits, trials - hits + 1, alpha / 2)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - alpha / 2)) if hits < trials else 1.0
    return Proportion(hits, trials, low, high)


def correlation(pairs: Sequence[tuple[float, float]], alpha: float = 0.05) -> Correlation:
    """Pearson's r of the effects, with Fisher's interval (1921): tanh(artanh r ± z / sqrt(n - 3)).

    Three experiments allow any correlation, so that their interval is everything: -1 to 1.
    """
    values = np.asarray(pairs, dtype=float).reshape(-1, 2)
    if len(values) < LEAST or bool(np.any(np.ptp(values, axis=0) == 0)):
        return Correlation(math.nan, -1.0, 1.0)
    r = float(np.clip(np.corrcoef(values, rowvar=False)[0, 1], -1.0, 1.0))
    if len(values) < _LEAST_FOR_Z or abs(r) == 1.0:
        return Correlation(r, -1.0, 1.0)
    radius = float(ndtri(1 - alpha / 2)) / math.sqrt(len(values) - 3)
    return Correlation(r, math.tanh(math.atanh(r) - radius), math.tanh(math.atanh(r) + radius))
