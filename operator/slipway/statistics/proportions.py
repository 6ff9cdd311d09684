"""The interval of a share whose trials come in clusters: Wilson's, for as many independent trials as they are worth.

A score interval whose variance between clusters is taken at each value that it tries (`pairs.interval`) is wide where
the share has moved far, which is where a fall must be found. Here the design effect is that of the share as counted
(Kish 1965), and the trials divided by it enter the interval of Wilson (1927); so do Korn and Graubard (1998).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import ndtri

from slipway.statistics.ratios import MINIMUM_CLUSTERS, Interval, Moments
from slipway.statistics.sequences import few_clusters

Multiple = Callable[[float], float]
"""How many standard errors an interval reaches, by the trials behind it."""

SIGNIFICANCE = 0.001
"""Error probability of each end of an interval."""

SEPARATING_TRIALS = 48
"""Trials that tell a share of 60% from one of 85%, with error probability 0.001 and power 0.9 (evidence.md): the normal
approximation ((3.09 * sqrt(.85 * .15) + 1.28 * sqrt(.6 * .4)) / .25)^2."""


def clustered_share(m: Moments, effect: float = 1.0, significance: float = SIGNIFICANCE) -> Interval | None:
    """Where the true share lies, with at most this error probability at each end; None where too little is known.

    Args:
        m: sums over clusters of y events among n trials.
        effect: times the variance between these clusters really has; infinite where that is not known.
    """
    z = -float(ndtri(significance))
    return share_within(m, effect, lambda _: z)


def share_within(m: Moments, effect: float, multiple: Multiple) -> Interval | None:
    """The same at another multiple of the standard error, such as that of a confidence sequence: it is told how many
    independent trials these are worth. The score test takes the standard error at the share that it tries, so that a
    sequence of such intervals is the boundary of a sum whose variance is known."""
    if m.clusters < MINIMUM_CLUSTERS or not 0 <= m.y <= m.n or m.n <= 0 or not math.isfinite(effect):
        return None
    share, trials = m.y / m.n, m.n / (effect * design_effect(m))
    z = multiple(trials)
    if m.nn > m.n * (1 + 1e-9):  # the effect is an estimate, from so many clusters
        z = few_clusters(z, m.clusters)
    if not math.isfinite(z):
        return Interval(0.0, 1.0)
    centre, scale = share + z * z / (2 * trials), 1 + z * z / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def design_effect(m: Moments) -> float:
    """How many times the binomial variance a share has whose trials come in clusters; at least 1.

    Where all trials came to the same nobody can see whether their clusters made them: then as if each were one trial.
    """
    share = m.y / m.n
    chance = m.n * share * (1 - share)
    if chance <= 1e-12 * m.n:
        return max(1.0, m.nn / m.n)
    if m.nn <= m.n * (1 + 1e-9):  # one trial in each: the binomial law holds by itself
        return 1.0
    squares = max(0.0, m.yy - 2 * share * m.yn + share * share * m.nn)
    return max(1.0, m.clusters / (m.clusters - 1) * squares / chance)
