"""Effects between two arms from sums over analysis clusters: differences and relative effects of ratio metrics.

A metric is sum of y over sum of n: revenue per visit, precision, conversions per entity (n = 1 for each). Rows of one
entity are not independent, so variances are taken between clusters, by the delta method: Deng, Knoblich, Lu,
"Applying the delta method in metric analytics" (2018), sections 2 (relative effects) and 3 (clusters).

Every field may be a number or an array; arrays of one shape are treated element by element (runs × looks, say).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipway.statistics.ratios import MINIMUM_CLUSTERS, Moments

Floats = NDArray[np.float64]
UNEQUAL = 0.5
"""An arm with less than this share of the other's trials borrows the other's variance."""


@dataclass(frozen=True)
class Estimate:
    """A value with the variance of its estimate, and the degrees of freedom of that variance.

    An infinite variance says that nothing is known yet.
    """

    value: Floats
    variance: Floats
    freedom: Floats

    @property
    def information(self) -> Floats:
        """One over the variance: the time in which sequences and group-sequential looks are counted."""
        found: Floats = np.divide(1.0, self.variance)
        return found


def ratio_of_sums(m: Moments) -> Estimate:
    """y/n with its variance between clusters.

    Freedom counts *effective* clusters, (Σn)²/Σn² at most: one heavy user makes one cluster speak for many (Kish).
    Unknown below MINIMUM_CLUSTERS occupied clusters, without trials, and where clusters do not differ at all.
    """
    clusters, y, n, yy, nn, yn = (np.asarray(part, float) for part in (m.clusters, m.y, m.n, m.yy, m.nn, m.yn))
    known = (clusters >= MINIMUM_CLUSTERS) & (n > 0)
    trials = np.where(known, n, 1.0)
    value = np.where(known, y / trials, np.nan)
    squares = yy - 2 * value * yn + value * value * nn
    correction = clusters / np.maximum(clusters - 1, 1)
    variance = correction * squares / trials**2
    rounding = 1e-12 * np.where(known, yy, 1.0) / trials**2
    effective = np.minimum(clusters, np.where(known, n * n / np.where(known, nn, 1.0), 1.0))
    return Estimate(value, np.where(known & (variance > rounding), variance, np.inf), effective - 1)


def binomial_floor(m: Moments) -> Floats:
    """The least variance that a share of events among trials may claim: that of independent trials with one event
    and one non-event more than were seen. Without it an arm without events would be sure of itself."""
    y, n = np.asarray(m.y, float), np.maximum(np.asarray(m.n, float), 1.0)
    shrunk = (y + 1) / (n + 2)
    floor: Floats = shrunk * (1 - shrunk) / n
    return floor


def share_of_events(m: Moments) -> Estimate:
    """`ratio_of_sums` for events among trials (0 <= y <= n), with `binomial_floor` under its variance."""
    found = ratio_of_sums(m)
    floored = np.maximum(np.where(np.isfinite(found.variance), found.variance, 0.0), binomial_floor(m))
    return Estimate(found.value, np.where(np.isnan(found.value), np.inf, floored), found.freedom)


def arms(ours: Moments, theirs: Moments, events: bool = False) -> tuple[Estimate, Estimate]:
    """Estimates of both arms for their comparison: `share_of_events` or `ratio_of_sums`, the larger arm's error lent.

    An arm with less than half of the other's trials claims at least the variance that the other would have at its
    size. A small arm of a skewed metric has not seen its rare large values yet: its mean is low and its own error
    small, at once. Without this, revenue in a tenth of the traffic was rolled back in 17% of the runs without effect.
    """
    mine, base = (share_of_events(m) if events else ratio_of_sums(m) for m in (ours, theirs))
    n, trials = np.asarray(ours.n, float), np.asarray(theirs.n, float)
    return _lent(mine, n, base, trials), _lent(base, trials, mine, n)


def _lent(small: Estimate, n: Floats, large: Estimate, trials: Floats) -> Estimate:
    known = np.isfinite(small.variance) & np.isfinite(large.variance)
    scaled = np.where(known, large.variance, 0.0) * trials / np.where(n > 0, n, 1.0)
    lent = known & (n < trials * UNEQUAL) & (scaled > small.variance)
    return Estimate(small.value, np.where(lent, scaled, small.variance), np.where(lent, large.freedom, small.freedom))


def _satterthwaite(ours: Floats, our_freedom: Floats, theirs: Floats, their_freedom: Floats) -> Floats:
    """Degrees of freedom of a sum of two estimated variances (Welch 1947)."""
    total = ours + theirs
    finite = np.isfinite(total) & (our_freedom > 0) & (their_freedom > 0)
    part = np.where(finite, ours, 1.0) ** 2 / np.where(finite, our_freedom, 1.0)
    other = np.where(finite, theirs, 1.0) ** 2 / np.where(finite, their_freedom, 1.0)
    return np.where(finite, np.where(finite, total, 1.0) ** 2 / (part + other), 0.0)


def difference(ours: Estimate, theirs: Estimate) -> Estimate:
    """ours - theirs, for arms of different entities."""
    freedom = _satterthwaite(ours.variance, ours.freedom, theirs.variance, theirs.freedom)
    return Estimate(ours.value - theirs.value, ours.variance + theirs.variance, freedom)


def relative(ours: Estimate, theirs: Estimate, limit: float = 0.0) -> Estimate:
    """ours / theirs - 1 by the delta method, its derivative taken where the hypothesis puts ours: (1 + limit)·theirs.

    So the value is as many standard errors away from `limit` as ours - (1 + limit)·theirs is from zero, which is as
    symmetric as the arms are. With the derivative at the estimate a small quotient comes with a small error: without
    an effect, skewed revenue was rolled back in 10% of the runs at a nominal 2.5%.

    Unknown unless theirs is positive by three standard errors: nearer to zero a relative effect means nothing.
    """
    known = np.isfinite(theirs.variance) & (theirs.value > 3 * np.sqrt(theirs.variance))
    base = np.where(known, theirs.value, 1.0)
    own = np.where(known, ours.variance, np.inf) / base**2
    of_base = np.where(known, theirs.variance, np.inf) * (1 + limit) ** 2 / base**2
    return Estimate(ours.value / base - 1, own + of_base, _satterthwaite(own, ours.freedom, of_base, theirs.freedom))
