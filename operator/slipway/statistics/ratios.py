"""Shares whose numerator and denominator are both random, estimated over clusters of entities, and their comparison.

Requests of one entity are not independent, so the variance is taken between clusters (delta method for a ratio of
sums: Deng, Knoblich, Lu, "Applying the delta method in metric analytics", 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from slipway.statistics.sequences import boundary, few_clusters

MINIMUM_CLUSTERS = 30
"""Below this many occupied clusters an arm says nothing (evidence.md)."""


@dataclass(frozen=True)
class Moments:
    """Sums over clusters: their count, of y, n, y², n² and y·n; y events among n trials in each cluster."""

    clusters: float
    y: float
    n: float
    yy: float
    nn: float
    yn: float


@dataclass(frozen=True)
class Share:
    """An estimated share. `shrunk` adds one event and one non-event, so that a few requests without error prove little.

    `clusters` is 0 when requests were taken as they are, with a design effect.
    """

    value: float
    shrunk: float
    error: float
    trials: float
    clusters: int = 0


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Confidence:
    """How sure an interval has to be: error probability, and the number of trials for which it should be tightest."""

    alpha: float
    planned: float


def _floored(y: float, n: float) -> tuple[float, float]:
    """Shrunk share and its binomial variance: never zero, however few events there were."""
    shrunk = (y + 1) / (n + 2)
    return shrunk, shrunk * (1 - shrunk) / n


def clustered(m: Moments) -> Share | None:
    """The share y/n with a variance between clusters; None below MINIMUM_CLUSTERS or without trials."""
    if m.clusters < MINIMUM_CLUSTERS or m.n <= 0:
        return None
    value = m.y / m.n
    squares = max(0.0, m.yy - 2 * value * m.yn + value * value * m.nn)
    between = m.clusters / (m.clusters - 1) * squares / (m.n * m.n)
    shrunk, floor = _floored(m.y, m.n)
    return Share(value, shrunk, math.sqrt(max(between, floor)), m.n, int(m.clusters))


def unclustered(events: float, trials: float, design_effect: float) -> Share | None:
    """The share events/trials when clusters are unknown: its variance is `design_effect` times the binomial one.

    None with fewer than MINIMUM_CLUSTERS effective trials.
    """
    effective = trials / design_effect
    if effective < MINIMUM_CLUSTERS:
        return None
    shrunk, variance = _floored(events / design_effect, effective)
    return Share(events / trials, shrunk, math.sqrt(variance), trials)


def _multiple(share: Share, confidence: Confidence, other: Share | None = None) -> float:
    """Radius in standard errors; the arm with fewer trials and fewer clusters decides."""
    trials = min(share.trials, other.trials) if other else share.trials
    counts = [s.clusters for s in (share, other) if s and s.clusters]
    radius = boundary(trials, confidence.planned, confidence.alpha)
    return few_clusters(radius, min(counts)) if counts else radius


def interval(share: Share, confidence: Confidence) -> Interval:
    """Confidence sequence of one share, within [0, 1]."""
    radius = _multiple(share, confidence) * share.error
    return Interval(max(0.0, share.value - radius), min(1.0, share.shrunk + radius))


def difference(ours: Share, theirs: Share, confidence: Confidence) -> Interval:
    """Confidence sequence of ours - theirs. Arms are taken as independent: conservative for mirrored requests."""
    radius = _multiple(ours, confidence, theirs) * math.hypot(ours.error, theirs.error)
    return Interval(ours.value - theirs.shrunk - radius, ours.shrunk - theirs.value + radius)


def ratio(ours: Share, theirs: Share, confidence: Confidence) -> Interval:
    """Confidence sequence of ours / theirs, made on the log scale, where it is closer to symmetric."""
    relative = math.hypot(ours.error / ours.shrunk, theirs.error / theirs.shrunk)
    radius = _multiple(ours, confidence, theirs) * relative
    if radius > 700:  # exp would overflow: nothing is known yet
        return Interval(0.0, math.inf)
    low = ours.value / theirs.shrunk * math.exp(-radius)
    high = ours.shrunk / theirs.value * math.exp(radius) if theirs.value > 0 else math.inf
    return Interval(low, high)
