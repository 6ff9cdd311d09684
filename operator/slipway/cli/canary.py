"""What a canary's least number of entities means: days, and how well they know a share."""

from __future__ import annotations

import math

from slipway.core.experiment import FOREVER
from slipway.statistics.duration import Arrivals, days_until
from slipway.statistics.sequences import boundary

_ALPHA = 0.05


def days_of(arrivals: Arrivals, entities: float) -> float | None:
    """Days until so many entities of all traffic have come; None where they never do."""
    return days_until(arrivals, entities, FOREVER).days


def half_width(share: float, entities: int) -> float:
    """Half of the interval of a share over so many entities with one request each, by which a gate judges."""
    error = math.sqrt(max(share * (1 - share), 1 / entities) / entities)
    return boundary(entities, entities, _ALPHA) * error
