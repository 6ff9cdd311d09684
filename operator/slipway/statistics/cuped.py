"""Less noise from what was known before: a metric's own value in a period before the exposure.

Source: Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data" (2013), sections 3.2 (control variates) and 3.3; here for ratio metrics over clusters. What was
before the exposure cannot be an effect of it, so arms differ there by chance alone, and that chance is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slipway.statistics.estimates import Estimate, Floats, arms, difference, ratio_of_sums, relative
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
    now = difference(*arms(ours.now, theirs.now))
    past = difference(ratio_of_sums(ours.before), ratio_of_sums(theirs.before))
    theta, reduction = _explained(now.variance, covariance(ours) + covariance(theirs), past)
    return _without(replace(now, value=now.value - theta * _chance(past)), theta, reduction)


def adjusted_relative(ours: Paired, theirs: Paired, limit: float = 0.0) -> Adjusted:
    """ours / theirs - 1 (see `estimates.relative`) of values that both arms would have had with one past.

    That past is the arms' mean, weighted by what is known of each; theta is the best one for ours - (1 + limit)·theirs.
    """
    mine, base = arms(ours.now, theirs.now)
    before, of_base = ratio_of_sums(ours.before), ratio_of_sums(theirs.before)
    past = difference(before, of_base)
    shared = covariance(ours) + (1 + limit) * covariance(theirs)
    theta, reduction = _explained(mine.variance + (1 + limit) ** 2 * base.variance, shared, past)
    weight = np.where(np.isfinite(past.variance), before.variance, 0.5)
    weight = weight / np.where(np.isfinite(past.variance), past.variance, 1.0)  # of ours in what must be moved
    step = theta / (weight + (1 + limit) * (1 - weight)) * _chance(past)
    moved = replace(mine, value=mine.value - weight * step), replace(base, value=base.value + (1 - weight) * step)
    return _without(relative(*moved, limit), theta, reduction)


def _explained(variance: Floats, shared: Floats, past: Estimate) -> tuple[Floats, Floats]:
    """Theta, and the share of the variance that it takes out; both zero where there is no past."""
    usable = np.isfinite(past.variance) & np.isfinite(variance)
    spread = np.where(usable, past.variance, 1.0)
    theta = np.where(usable, shared / spread, 0.0)
    # A sample correlation of one would claim a variance of zero.
    explained = np.minimum(theta**2 * spread / np.where(usable, variance, 1.0), 1 - 1e-6)
    return theta, np.where(usable, explained, 0.0)


def _chance(past: Estimate) -> Floats:
    """How far the arms were apart before, by chance."""
    return np.where(np.isfinite(past.variance), past.value, 0.0)


def _without(now: Estimate, theta: Floats, reduction: Floats) -> Adjusted:
    """One degree of freedom is paid for theta."""
    freedom = np.where(reduction > 0, np.maximum(now.freedom - 1, 0.0), now.freedom)
    return Adjusted(Estimate(now.value, now.variance * (1 - reduction), freedom), theta, reduction)
