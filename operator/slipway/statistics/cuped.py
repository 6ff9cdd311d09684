"""Less noise from what was known before: a metric's own value in a period before the exposure.

Source: Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data" (2013), sections 3.2 (control variates) and 3.3; here for ratio metrics over clusters. What was
before the exposure cannot be an effect of it, so arms differ there by chance alone, and that chance is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slipway.statistics.estimates import Estimate, Floats, difference, ratio_of_sums, relative
from slipway.statistics.ratios import Moments


@dataclass(frozen=True)
class Paired:
    """One arm: the metric's sums over clusters, the pre-period's, and four sums of products.

    `before` has the pre-period's numerator as y and its denominator as n. An entity without a past adds zeros. The
    products are Σ over clusters of y (or n) now times y (or n) before, in that order.
    """

    now: Moments
    before: Moments
    yy: float
    yn: float
    ny: float
    nn: float


@dataclass(frozen=True)
class Adjusted:
    """An effect with the pre-period's share taken out; `reduction` is the share of the variance that went."""

    estimate: Estimate
    theta: Floats
    reduction: Floats


def covariance(arm: Paired) -> Floats:
    """Covariance of the metric's estimate now with that of the pre-period, by the delta method between clusters."""
    clusters = np.asarray(arm.now.clusters, float)
    now, before = np.asarray(arm.now.n, float), np.asarray(arm.before.n, float)
    known = (now > 0) & (before > 0)
    now, before = np.where(known, now, 1.0), np.where(known, before, 1.0)
    value, past = np.asarray(arm.now.y, float) / now, np.asarray(arm.before.y, float) / before
    products = arm.yy - past * arm.yn - value * arm.ny + value * past * np.asarray(arm.nn, float)
    found: Floats = np.where(known, clusters / np.maximum(clusters - 1, 1) * products / (now * before), 0.0)
    return found


def adjusted_difference(ours: Paired, theirs: Paired) -> Adjusted:
    """ours - theirs now, less theta times the difference before, with the theta that leaves the least variance."""
    now = difference(ratio_of_sums(ours.now), ratio_of_sums(theirs.now))
    return _adjusted(now, covariance(ours) + covariance(theirs), ours, theirs)


def adjusted_relative(ours: Paired, theirs: Paired) -> Adjusted:
    """The same of ours / theirs - 1; its covariance with the past follows from the quotient's derivatives."""
    mine, base = ratio_of_sums(ours.now), ratio_of_sums(theirs.now)
    now = relative(mine, base)
    safe = np.where(np.isfinite(now.variance), base.value, 1.0)
    shared = covariance(ours) / safe + np.where(np.isfinite(now.variance), mine.value, 0.0) / safe**2 * covariance(
        theirs
    )
    return _adjusted(now, shared, ours, theirs)


def _adjusted(now: Estimate, shared: Floats, ours: Paired, theirs: Paired) -> Adjusted:
    """Left as it is where there is no past: a theta of zero."""
    past = difference(ratio_of_sums(ours.before), ratio_of_sums(theirs.before))
    usable = np.isfinite(past.variance) & np.isfinite(now.variance)
    spread = np.where(usable, past.variance, 1.0)
    theta = np.where(usable, shared / spread, 0.0)
    variance = np.where(usable, now.variance, 1.0)
    # A sample correlation of one would claim a variance of zero.
    reduction = np.where(usable, np.minimum(theta**2 * spread / variance, 1 - 1e-6), 0.0)
    value = now.value - np.where(usable, theta * np.where(usable, past.value, 0.0), 0.0)
    freedom = np.maximum(np.where(usable, now.freedom - 1, now.freedom), 0.0)
    return Adjusted(Estimate(value, now.variance * (1 - reduction), freedom), theta, reduction)
