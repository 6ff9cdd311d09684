"""Always-valid intervals of an effect, planned by the effect that is worth finding.

The score (estimate times information) of a cluster-robust estimate moves like a Brownian motion in its information,
whether the information comes from new entities or from old ones that return; counted in requests it does not.
So the sequences of `sequences` run in information, which needs no variance to be planned: a fixed test finds the
effect at ((z_alpha + z_beta) / effect)².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from slipway.statistics.estimates import Estimate, Floats
from slipway.statistics.sequences import few_degrees, tuned_rho

MINIMUM_FRACTION = 0.02
"""Share of the planned information below which an interval is left open: the limit theorem has not begun to hold."""


@dataclass(frozen=True)
class Design:
    """The effect to be found, in units of the estimate, and the errors allowed.

    `alpha` is the error of the whole interval. With `two_sided` half of it lies on each side; without, all of it
    lies on the side that is used. `power` is the chance to find `effect` in a fixed test. Raises ValueError when out
    of range.
    """

    effect: float
    alpha: float = 0.05
    power: float = 0.8
    two_sided: bool = True

    def __post_init__(self) -> None:
        if not self.effect > 0:
            raise ValueError(f"effect must be more than 0, got {self.effect}: say the smallest effect worth finding")
        if not 0 < self.alpha < 0.5 or not self.alpha < self.power < 1:
            raise ValueError(f"alpha must lie within (0, 0.5) and power within (alpha, 1): {self.alpha}, {self.power}")

    @property
    def tail(self) -> float:
        """Error probability on one side."""
        return self.alpha / 2 if self.two_sided else self.alpha

    @property
    def drift(self) -> float:
        """z of a fixed test with this power when the effect is true: z_alpha + z_beta."""
        return float(ndtri(1 - self.tail) + ndtri(self.power))

    @property
    def information(self) -> float:
        """Information of a fixed test: what the sequence is tuned for."""
        return (self.drift / self.effect) ** 2


def after_restarts(alpha: float, restarts: int) -> float:
    """What of `alpha` is there for evidence that began anew so many times, whatever was seen before.

    Undisturbed evidence has all of it; what began anew k times has alpha / (2k(k + 1)), which for all k together is
    half of alpha once more (a union bound). So a side with an error of alpha/2 errs by 3/4 of alpha at the most,
    however often and whenever somebody begins anew. Raises ValueError on a negative number.
    """
    if restarts < 0:
        raise ValueError(f"restarts must be 0 or more, got {restarts}")
    return alpha / (2 * restarts * (restarts + 1)) if restarts else alpha


def radius(fraction: Floats, design: Design) -> Floats:
    """Radius in standard errors after `fraction` of the design's information; infinite below MINIMUM_FRACTION."""
    rho2 = tuned_rho(1.0, 2 * design.tail) ** 2
    usable = np.isfinite(fraction) & (fraction >= MINIMUM_FRACTION)
    at = np.where(usable, fraction, 1.0) * rho2
    mixture = np.sqrt(at + 1) / (2 * design.tail)
    exponent = np.log(mixture) if design.two_sided else np.log1p(mixture)
    return np.where(usable, np.sqrt(2 * (at + 1) / at * exponent), np.inf)


def interval(estimate: Estimate, multiple: Floats) -> tuple[Floats, Floats]:
    """Low and high end at a multiple of the standard error, widened for few clusters; infinite where nothing is known.

    Of a one-sided design either end alone is valid, not both together.
    """
    widened = few_degrees(multiple, estimate.freedom)
    known = np.isfinite(widened) & np.isfinite(estimate.variance)
    width = np.where(known, widened, 1.0) * np.sqrt(np.where(known, estimate.variance, 1.0))
    return np.where(known, estimate.value - width, -np.inf), np.where(known, estimate.value + width, np.inf)


def bounds(estimate: Estimate, design: Design) -> tuple[Floats, Floats]:
    """Low and high end of the confidence sequence."""
    return interval(estimate, radius(estimate.information / design.information, design))
