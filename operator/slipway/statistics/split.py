"""Does the traffic arrive as it was asked for? Agreement of a measured share, and sample ratio mismatch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import chdtrc

from slipway.statistics.sketch import Distinct

LEVEL = 0.999
MINIMUM_EXPOSURES = 30
_NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Agreement:
    """The measured share of the candidate with its 99.9% interval; `agrees` is None while too little was seen."""

    requested: float
    observed: float
    low: float
    high: float
    agrees: bool | None


def agreement(candidate: Distinct, stable: Distinct, requested: float, skew: float = 0.0) -> Agreement:
    """Compares the candidate's measured share with the requested one.

    The interval holds the binomial error at the requested share, both sketches' errors, and `skew`: the relative
    error of counts that were scraped at different moments (age of the scrape over age of the counting).
    """
    total = candidate.count + stable.count
    if total < MINIMUM_EXPOSURES:
        return Agreement(requested, 0.0, 0.0, 1.0, None)
    observed = candidate.count / total
    spread = requested * (1 - requested)
    sketches = spread**2 * (candidate.relative_error**2 + stable.relative_error**2)
    radius = _NORMAL * math.sqrt(spread / total + sketches) + spread * skew
    low, high = max(0.0, observed - radius), min(1.0, observed + radius)
    return Agreement(requested, observed, low, high, low <= requested <= high and (candidate.count > 0))


def mirror_agreement(mirrored: float, live: float, requested: float, skew: float = 0.0) -> Agreement:
    """Compares the share of live requests that reached the candidate as a copy with the requested share.

    Both counts are of requests: a mirror has no entities of its own. A surplus is only the scrapes' skew.
    """
    if live < MINIMUM_EXPOSURES:
        return Agreement(requested, 0.0, 0.0, 1.0, None)
    observed = min(1.0, mirrored / live)
    radius = _NORMAL * math.sqrt(max(requested * (1 - requested), 1 / live) / live) + requested * skew
    low, high = max(0.0, observed - radius), min(1.0, observed + radius)
    return Agreement(requested, observed, low, high, low <= requested <= high and mirrored > 0)


def mismatch_p_value(counts: Sequence[float], shares: Sequence[float]) -> float:
    """Pearson's chi-square p-value of `counts` against `shares`, which need not sum to one.

    Raises ValueError on fewer than two arms, unequal lengths, or a share that is not positive.
    """
    observed, weights = np.asarray(counts, float), np.asarray(shares, float)
    if observed.shape != weights.shape or observed.size < 2 or not (weights > 0).all():
        raise ValueError("counts and shares must be of one length, at least two, with positive shares")
    expected = observed.sum() * weights / weights.sum()
    if expected.sum() == 0:
        return 1.0
    return float(chdtrc(observed.size - 1, ((observed - expected) ** 2 / expected).sum()))
