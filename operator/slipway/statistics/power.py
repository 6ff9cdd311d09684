"""How many entities an A/B needs, and what it can find with those it gets.

Everything counts entities, the unit of assignment; rows of one entity enter through the variance or a design effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtr, ndtri

from slipway.statistics.estimates import ratio_of_sums
from slipway.statistics.ratios import Moments
from slipway.statistics.sequential import Design

Kind = Literal["Absolute", "Relative"]


@dataclass(frozen=True)
class Metric:
    """A metric's mean and the standard deviation that one entity contributes: error of the mean times √entities."""

    mean: float
    deviation: float

    def variance(self, kind: Kind) -> float:
        """Variance of one entity, in squared units of an effect of this kind.

        Raises ValueError for a relative effect on a metric whose mean is zero.
        """
        if kind == "Relative" and self.mean == 0:
            raise ValueError("a relative effect needs a metric whose mean is not zero: use Absolute")
        return self.deviation**2 if kind == "Absolute" else (self.deviation / self.mean) ** 2


def mean_metric(mean: float, deviation: float, design_effect: float = 1.0) -> Metric:
    """A mean over entities; with `design_effect` where rows are counted that are not independent."""
    if not deviation > 0 or not design_effect >= 1:
        raise ValueError(f"deviation must be > 0 and design effect >= 1, got {deviation} and {design_effect}")
    return Metric(mean, deviation * math.sqrt(design_effect))


def share_metric(share: float, design_effect: float = 1.0) -> Metric:
    """A share of entities, or of rows with a design effect."""
    if not 0 < share < 1:
        raise ValueError(f"a share must lie within (0, 1), got {share}")
    return mean_metric(share, math.sqrt(share * (1 - share)), design_effect)


def pilot_metric(pilot: Moments, entities: float) -> Metric:
    """A ratio metric as live traffic shows it: the delta method over clusters contains the design effect.

    `entities` were behind the pilot's sums. Raises ValueError where the sums say nothing yet.
    """
    found = ratio_of_sums(pilot)
    if not math.isfinite(float(found.variance)) or not entities > 0:
        raise ValueError("the pilot says nothing yet: it needs 30 occupied clusters that differ")
    return Metric(float(found.value), math.sqrt(float(found.variance) * entities))


@dataclass(frozen=True)
class Allocation:
    """Shares of all entities in the candidate and in stable; the rest takes no part."""

    candidate: float = 0.5
    stable: float = 0.5

    def __post_init__(self) -> None:
        if not (self.candidate > 0 and self.stable > 0 and self.candidate + self.stable <= 1 + 1e-9):
            raise ValueError(
                f"shares of arms must be positive, and 1 together at most: {self.candidate}, {self.stable}"
            )

    @property
    def load(self) -> float:
        """Variance of a difference in units of one entity's variance over all entities: 4 for halves."""
        return 1 / self.candidate + 1 / self.stable


def entities_needed(
    metric: Metric, kind: Kind, design: Design, allocation: Allocation = Allocation(), inflation: float = 1.0
) -> int:
    """Entities of the whole task until the design's effect is found; `inflation` 1 is a fixed test.

    Both arms are taken to vary alike. The effect is in the units of `kind` (0.02 is 2% for Relative).
    """
    return math.ceil(inflation * design.information * metric.variance(kind) * allocation.load)


def detectable_effect(
    metric: Metric, kind: Kind, design: Design, entities: float, allocation: Allocation = Allocation(),
    inflation: float = 1.0,
) -> float:  # fmt: skip
    """The smallest effect that so many entities find with the design's errors; its own effect does not count."""
    if not entities > 0:
        raise ValueError(f"entities must be more than 0, got {entities}")
    return design.drift * math.sqrt(inflation * metric.variance(kind) * allocation.load / entities)


def fixed_power(difference: float, ours: Metric, theirs: Metric, sizes: tuple[float, float], alpha: float) -> float:
    """Power of a two-sided fixed z-test of means with variances of their own."""
    error = math.hypot(ours.deviation / math.sqrt(sizes[0]), theirs.deviation / math.sqrt(sizes[1]))
    return _two_sided(difference, error, error, alpha)


def proportions_power(difference: float, baseline: float, sizes: tuple[float, float], alpha: float = 0.05) -> float:
    """Power of the two-sided fixed test of two proportions, whose error under no effect is that of the pooled share.

    Fleiss, Levin, Paik, "Statistical Methods for Rates and Proportions" (2003), section 4.2, without the correction
    for continuity.
    """
    ours = baseline + difference
    if not (0 <= ours <= 1 and 0 <= baseline <= 1):
        raise ValueError(f"shares must lie within [0, 1], got {baseline} and {ours}")
    pooled = (ours * sizes[0] + baseline * sizes[1]) / (sizes[0] + sizes[1])
    null = math.sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1]))
    real = math.sqrt(ours * (1 - ours) / sizes[0] + baseline * (1 - baseline) / sizes[1])
    return _two_sided(difference, null, real, alpha)


def _two_sided(difference: float, null: float, real: float, alpha: float) -> float:
    critical = float(ndtri(1 - alpha / 2)) * null
    return float(ndtr((difference - critical) / real) + ndtr((-difference - critical) / real))
