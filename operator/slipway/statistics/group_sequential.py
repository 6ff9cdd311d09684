"""Group-sequential boundaries: a few looks, at any time, at the price of an error that is spent as information grows.

Sources: Lan, DeMets, "Discrete sequential boundaries for clinical trials" (1983) for spending; Jennison, Turnbull,
"Interim analyses: the repeated confidence interval approach" (1989) for the intervals. Information fractions are
those of the design's full information, so looks need not be equally spaced, nor known before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.special import ndtr, ndtri

from slipway.statistics.crossing import START, Path, advance, bisect, crossing, surviving, walk
from slipway.statistics.sequential import Design

Spending = Callable[[float, float], float]
"""Error of one side spent until a fraction of the information, of the whole error of that side."""

_NEVER = 8.0  # a boundary of 8 standard errors: less than 1e-15 is spent


def obrien_fleming(fraction: float, tail: float) -> float:
    """Spends like O'Brien and Fleming: nearly nothing early, so the last look is hardly dearer than a fixed test."""
    return float(2 * ndtr(ndtri(tail / 2) / math.sqrt(fraction)))


def pocock(fraction: float, tail: float) -> float:
    """Spends like Pocock: boundaries nearly constant, so that large effects end early."""
    return tail * math.log1p((math.e - 1) * fraction)


def power_family(exponent: float) -> Spending:
    """tail · fraction^exponent (Kim, DeMets 1987); 1 is near Pocock, 3 near O'Brien and Fleming."""
    if not exponent > 0:
        raise ValueError(f"the exponent of a spending function must be more than 0, got {exponent}")
    return lambda fraction, tail: tail * fraction**exponent


def _checked(fractions: Sequence[float]) -> list[float]:
    if not fractions or any(not b > a for a, b in zip([0.0, *fractions], fractions, strict=False)):
        raise ValueError(f"information fractions must be positive and grow from look to look, got {list(fractions)}")
    return [float(fraction) for fraction in fractions]


def boundaries(
    fractions: Sequence[float], tail: float, spending: Spending, two_sided: bool = True, final: bool = False
) -> list[float]:
    """Boundaries in standard errors at the looks taken so far, `tail` being the error of one side.

    Args:
        fractions: information at each look over the planned information; beyond 1 there is nothing more to spend.
        two_sided: the design also stops below minus the boundary, which leaves less to cross above.
        final: no look will follow, so all that is left is spent now, also before fraction 1.

    A boundary depends on the looks before it only. Raises ValueError on fractions that do not grow.
    """
    path, spent, found = START, 0.0, []
    times = _checked(fractions)
    for at in times:
        last = final and at == times[-1]
        allowed = tail if last or at >= 1 else min(tail, spending(at, tail))
        bound = _boundary(path, at, allowed - spent)
        found.append(bound)
        path = advance(path, at, -bound if two_sided else -math.inf, bound)
        spent = max(spent, allowed)
    return found


def _boundary(path: Path, at: float, affordable: float) -> float:
    if affordable <= 0:
        return _NEVER
    return bisect(lambda bound: crossing(path, at, bound), affordable, -_NEVER, _NEVER)


def power(fractions: Sequence[float], bounds: Sequence[float], drift: float, two_sided: bool = True) -> list[float]:
    """Probability to have crossed the upper boundary by each look, `drift` being the expected z at fraction 1."""
    lows = [-bound if two_sided else -math.inf for bound in bounds]
    paths = [START, *walk(_checked(fractions), lows, bounds)]
    crossed, total = [], 0.0
    for path, at, bound in zip(paths, fractions, bounds, strict=False):
        total += crossing(path, at, bound, drift)
        crossed.append(total)
    return crossed


def inflation(fractions: Sequence[float], spending: Spending, design: Design) -> float:
    """How much more information than a fixed test the last look needs, for the same error and power.

    Raises ValueError unless the last fraction is 1.
    """
    times = _checked(fractions)
    if times[-1] != 1:
        raise ValueError(f"the last look of a plan is at fraction 1, got {times[-1]}")
    bounds = boundaries(times, design.tail, spending, design.two_sided)
    paths = walk(times, [-bound if design.two_sided else -math.inf for bound in bounds], bounds)
    needed = bisect(lambda drift: surviving(paths[-1], drift), 1 - design.power, 0.0, 4 * design.drift)
    return (needed / design.drift) ** 2


def repeated_interval(value: float, error: float, bound: float) -> tuple[float, float]:
    """Interval at a look whose boundary is `bound`: all looks' intervals hold the truth together, stopped or not."""
    return value - bound * error, value + bound * error
