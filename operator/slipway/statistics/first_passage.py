"""When a Brownian score first meets the boundary of a confidence sequence that is watched all the time.

Source: Peskir, "On integral equations arising in the first-passage problem for Brownian motion" (2002): a score that is
above the boundary g at time t has met it at some s before, so that

    P(S_t > g(t)) = ∫ P(S_t > g(t) | S_s = g(s)) dF(s),

a Volterra equation for the law F of the first meeting. Solved on a grid it takes milliseconds, where a recursion over
as many looks takes half a second (`crossing`, which is for few looks, chosen ones).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from slipway.statistics.crossing import Floats, bisect
from slipway.statistics.sequential import MINIMUM_FRACTION, Design, radius

_CELLS = 200
"""Of the grid, each a few percent longer than the one before: 800 change a bound by 0.0003 at the most."""


@dataclass(frozen=True)
class Passage:
    """The law of the first meeting with the upper boundary until `end`, without an effect.

    Times are shares of the design's information. `mass` is met around the instants `times`, where the score is
    `heights`.
    """

    end: float
    times: Floats
    heights: Floats
    mass: Floats

    @property
    def spent(self) -> float:
        """Chance of a meeting before the end."""
        return float(self.mass.sum())

    def above(self, multiple: float) -> float:
        """Chance that no meeting came before the end, and that the score is above `multiple` standard errors there."""
        short = (multiple * math.sqrt(self.end) - self.heights) / np.sqrt(self.end - self.times)
        return float(ndtr(-multiple) - self.mass @ ndtr(-short))


def passage(end: float, design: Design) -> Passage:
    """Of the design's sequence, which opens at MINIMUM_FRACTION; `end` must be later, else ValueError.

    What the lower boundary has ended before is not left out: paths that meet both are too rare to count, and counting
    them makes what is left of the error smaller, never larger.
    """
    if not end > MINIMUM_FRACTION:
        raise ValueError(f"the sequence opens at {MINIMUM_FRACTION}, got an end of {end}")
    edges = np.geomspace(MINIMUM_FRACTION, end, _CELLS + 1)
    times = np.concatenate([edges[:1], (edges[:-1] + edges[1:]) / 2])
    heights, ends = radius(times, design) * np.sqrt(times), radius(edges, design) * np.sqrt(edges)
    lags = edges[:, None] - times[None, :]
    later = lags > 0
    kernel = np.where(later, ndtr((heights - ends[:, None]) / np.sqrt(np.where(later, lags, 1.0))), 0.0)
    kernel[0, 0] = 1.0  # what is above the boundary when it opens meets it then
    reached = ndtr(-ends / np.sqrt(edges))
    mass = np.zeros(_CELLS + 1)
    for cell in range(_CELLS + 1):
        mass[cell] = max(0.0, (reached[cell] - kernel[cell, :cell] @ mass[:cell]) / kernel[cell, cell])
    return Passage(end, times, heights, mass)


def closing_bound(fraction: float, design: Design) -> float:
    """Multiple of the standard error of the last interval, at `fraction` of the design's information.

    It spends what a sequence that was watched all the time has left of the design's error on a side. Valid only where
    the end did not depend on what was seen: a time fixed at the start, not extended since. Never wider than the
    sequence.
    """
    if fraction <= MINIMUM_FRACTION:
        return -float(ndtri(design.tail))
    found = passage(fraction, design)
    return bisect(found.above, design.tail - found.spent, 0.0, float(radius(np.asarray(fraction), design)))
