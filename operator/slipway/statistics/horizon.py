"""How long a confidence sequence takes, and how it may end: by integration instead of simulation.

A sequence is valid for ever, but an A/B ends. At an end that was fixed before the start, the error that the sequence
has not used until then may be spent at once: the *closing* interval, nearly as narrow as a fixed test's
(`first_passage.closing_bound`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from slipway.statistics.crossing import START, Path, bisect, crossing, surviving, walk
from slipway.statistics.first_passage import closing_bound
from slipway.statistics.sequential import Design, radius

LOOKS = 14 * 24
"""Hourly for two weeks. More looks, or a continuous watch, change little; fewer make what is computed conservative."""

_ROUNDS = 6  # of a fixed point whose bounds hardly depend on its argument
_NEVER = 37.0


@dataclass(frozen=True)
class Horizon:
    """In units of a fixed test's size: when to give up for the design's power, and the mean size at the verdict.

    The mean stop is that under the design's effect, with runs that find nothing counted at `inflation`.
    `false_promotion` is the chance to cross the upper bound within the horizon without an effect.
    """

    inflation: float
    mean_stop: float
    false_promotion: float


def horizon(design: Design, looks: int = LOOKS, closing: bool = False) -> Horizon:
    """The horizon of the design's confidence sequence with equally spaced looks, with or without a closing interval.

    The Student widening of few clusters is left out. Raises ValueError on less than one look.
    """
    if looks < 1:
        raise ValueError(f"looks must be 1 or more, got {looks}")
    return _horizon(design.alpha, design.power, design.two_sided, looks, closing)


@lru_cache(maxsize=32)
def _horizon(alpha: float, power: float, two_sided: bool, looks: int, closing: bool) -> Horizon:
    design, length = Design(1.0, alpha, power, two_sided), 1.5
    for _ in range(_ROUNDS):
        walked = _walked(design, looks, length, closing)
        length = _needed(walked.paths[-1], design)
    stop = (1 + sum(surviving(path, design.drift) for path in walked.paths[:-1])) * length / looks
    return Horizon(length, stop, walked.wrong)


@dataclass(frozen=True)
class _Walked:
    bounds: list[float]
    paths: list[Path]
    wrong: float


def _walked(design: Design, looks: int, length: float, closing: bool) -> _Walked:
    """Times in units of the fixed size. A bound without end is put where no path comes."""
    times = [length * (k + 1) / looks for k in range(looks)]
    bounds = [min(float(bound), _NEVER) for bound in radius(np.asarray(times), design)]
    side = -1.0 if design.two_sided else -math.inf
    paths = [START, *walk(times[:-1], [side * bound for bound in bounds[:-1]], bounds[:-1])]
    spent = sum(crossing(*step) for step in zip(paths, times[:-1], bounds[:-1], strict=False))
    if closing:
        bounds[-1] = min(bounds[-1], closing_bound(length, design))
    wrong = spent + crossing(paths[-1], times[-1], bounds[-1])
    paths += walk([times[-1]], [side * bounds[-1]], [bounds[-1]], paths[-1])
    return _Walked(bounds, paths[1:], wrong)


def _needed(end: Path, design: Design) -> float:
    """The length at which the drift that a fixed test finds at 1 leaves 1 - power uncrossed.

    Stretching time by s and shrinking the drift by √s leaves a Brownian path's law as it is; the bounds follow slowly.
    """
    drift = bisect(lambda d: surviving(end, d), 1 - design.power, 0.0, 4 * design.drift)
    return end.information * (drift / design.drift) ** 2
