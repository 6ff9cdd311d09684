"""How two models differ on the same requests: shares of pairs, ratio of flagged rates, overlap, distance of scores.

Every figure is a sum of y over a sum of n, with a variance between clusters (`ratios.Moments`): entities where pairs
have them, else requests with a design effect over blocks of time. Both models answer the same requests, so that what
they have in common leaves the variance by itself: of the ratio of flagged rates only pairs that differ count.

Formulas and sources: docs/statistics.md, "Pairs".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from slipway.statistics.ratios import MINIMUM_CLUSTERS, Interval, Moments
from slipway.statistics.tails import MINIMUM_BLOCKS, calm_blocks

Kind = Literal["Share", "Ratio", "Mean"]
_BISECTIONS = 60
_MOST_RATIO = 1e6


@dataclass(frozen=True)
class Paired:
    """Sums of one figure, and how many times their variance it really has (1 where clusters are entities)."""

    moments: Moments
    effect: float = 1.0


@dataclass(frozen=True)
class PairedEstimate:
    """A figure as it was counted. `spread` is how far apart scores may lie, for the mean of their distance."""

    kind: Kind
    value: float
    found: Paired
    spread: float = 1.0

    @property
    def trials(self) -> float:
        """What the value is counted over."""
        return self.found.moments.n

    @property
    def clusters(self) -> float:
        """Occupied clusters."""
        return self.found.moments.clusters

    def variance(self, value: float) -> float:
        """Of Σy - value·Σn, were `value` the true one: between clusters, and at least what chance alone would make.

        That is n·p(1 - p) for a share; for a ratio R that of one model flagging a random part of what the other
        flags, n·R|1 - R|; for a mean that of one more pair as far apart as scores may lie.
        """
        n = self.found.moments.n
        if self.kind == "Share":
            chance = n * value * (1 - value)
        elif self.kind == "Ratio":
            chance = (n + 1) * value * abs(1 - value)
        else:
            chance = self.spread**2
        return max(_between(self.found.moments, value), chance) * self.found.effect


def share(found: Paired) -> PairedEstimate | None:
    """y events among n trials: agreement, coverage, or the overlap |both| / |either| of two flagged sets (Jaccard).
    None where too little is known."""
    m = found.moments
    if not _enough(found) or not 0 <= m.y <= m.n:
        return None
    return PairedEstimate("Share", m.y / m.n, found)


def rate_ratio(found: Paired) -> PairedEstimate | None:
    """y of the candidate over n of stable, counted on the same pairs; a cluster is occupied where either is counted.
    None where too little is known; infinite where stable has none."""
    m = found.moments
    if m.clusters < MINIMUM_CLUSTERS or not math.isfinite(found.effect) or m.y + m.n <= 0:
        return None
    return PairedEstimate("Ratio", m.y / m.n if m.n > 0 else math.inf, found)


def mean_distance(found: Paired, spread: float) -> PairedEstimate | None:
    """The mean of y over n pairs. `spread` is 1 for probabilities. None where too little is known."""
    m = found.moments
    return PairedEstimate("Mean", m.y / m.n, found, spread) if _enough(found) else None


def interval(estimate: PairedEstimate, multiple: float) -> Interval:
    """All values from which what was counted lies at most `multiple` standard errors away, each with the error that
    it would have itself (Wilson 1927 for shares, Fieller 1954 for ratios); nothing breaks down at zero and one."""
    if math.isinf(multiple):
        return Interval(0.0, 1.0 if estimate.kind == "Share" else math.inf)
    if estimate.kind == "Mean":
        radius = multiple * math.sqrt(estimate.variance(estimate.value)) / estimate.trials
        return Interval(max(0.0, estimate.value - radius), estimate.value + radius)
    most = 1.0 if estimate.kind == "Share" else _MOST_RATIO
    value = min(estimate.value, most)
    low, high = (_end(estimate, value, edge, multiple) for edge in (0.0, most))
    return Interval(low, math.inf if estimate.kind == "Ratio" and high >= _MOST_RATIO * (1 - 1e-9) else high)


def _end(estimate: PairedEstimate, inside: float, outside: float, multiple: float) -> float:
    """Where the distance reaches `multiple`, between the value and the edge of the scale; that edge if nowhere."""
    if _within(estimate, outside, multiple):
        return outside
    for _ in range(_BISECTIONS):
        # On a scale of ratios most of the way to the edge is far beyond all that matters.
        middle = (inside + outside) / 2 if outside <= 1 else math.sqrt(max(inside, 1e-6) * outside)
        if _within(estimate, middle, multiple):
            inside = middle
        else:
            outside = middle
    return outside


def _within(estimate: PairedEstimate, value: float, multiple: float) -> bool:
    m = estimate.found.moments
    return (m.y - value * m.n) ** 2 <= multiple**2 * estimate.variance(value)


def block_effect(blocks: Moments, requests: Moments) -> float:
    """How many times the variance between requests a figure really has, by the same figure between blocks of time; at
    least 1, and an upper estimate as in `tails.design_effect`. Infinite under `tails.MINIMUM_BLOCKS`."""
    if blocks.clusters < MINIMUM_BLOCKS:
        return math.inf
    if requests.n <= 0:
        return 1.0
    value = requests.y / requests.n
    between = _between(requests, value)
    if between <= 0:
        return 1.0
    return max(1.0, _between(blocks, value) / between / calm_blocks(blocks.clusters - 1))


def _enough(found: Paired) -> bool:
    return found.moments.clusters >= MINIMUM_CLUSTERS and found.moments.n > 0 and math.isfinite(found.effect)


def _between(m: Moments, value: float) -> float:
    """Variance of Σy - value·Σn, estimated between clusters."""
    squares = max(0.0, m.yy - 2 * value * m.yn + value * value * m.nn)
    return m.clusters / max(m.clusters - 1, 1.0) * squares
