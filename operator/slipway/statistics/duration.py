"""How many days live traffic takes to bring so many distinct entities, and when it never will.

Old entities return, and each is counted once: the number of distinct ones first rises with the traffic, then only with
new entities. d(t) = fresh·t + pool·(1 - exp(-t / turnover)), t in days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MINIMUM_DAYS = 3
_TURNOVERS = np.geomspace(0.1, 60, 120)  # days


@dataclass(frozen=True)
class Arrivals:
    """New entities per day for ever, a pool of old ones, and the days in which 63% of the pool have come by."""

    fresh: float
    pool: float = 0.0
    turnover: float = 1.0

    def distinct(self, days: float) -> float:
        """Distinct entities within `days`."""
        return self.fresh * days - self.pool * math.expm1(-days / self.turnover)


@dataclass(frozen=True)
class Duration:
    """`days` is None where the entities never come within `limit`; `reachable` is how many do by then.

    `saturated`: most entities at the end are old ones that returned, so that more time brings little.
    """

    days: float | None
    reachable: float
    saturated: bool


def fitted(cumulative: Sequence[float]) -> Arrivals:
    """Arrivals by least squares from the distinct entities within the last 1, 2, 3, … days of live traffic.

    Raises ValueError on fewer than MINIMUM_DAYS, or counts that fall.
    """
    seen = np.asarray(cumulative, float)
    if len(seen) < MINIMUM_DAYS or (np.diff(seen, prepend=0.0) < 0).any():
        raise ValueError(f"needs at least {MINIMUM_DAYS} cumulative counts that never fall, got {list(cumulative)}")
    days = np.arange(1, len(seen) + 1, dtype=float)
    candidates = [_least_squares(days, seen, float(turnover)) for turnover in _TURNOVERS]
    return min(candidates, key=lambda fit: fit[0])[1]


def _least_squares(days: np.ndarray, seen: np.ndarray, turnover: float) -> tuple[float, Arrivals]:
    """Squared error and arrivals for one turnover, neither rate below zero."""
    returned = -np.expm1(-days / turnover)
    (fresh, pool), *_ = np.linalg.lstsq(np.column_stack([days, returned]), seen, rcond=None)
    if fresh < 0:
        fresh, pool = 0.0, float(returned @ seen / (returned @ returned))
    elif pool < 0:
        fresh, pool = float(days @ seen / (days @ days)), 0.0
    error = seen - fresh * days - pool * returned
    return float(error @ error), Arrivals(float(fresh), float(pool), turnover)


def days_until(arrivals: Arrivals, entities: float, limit: float) -> Duration:
    """Days until so many distinct entities of the task have come, if they do within `limit` days.

    Entities are those of the whole task: an arm's share of them is the allocation's business (`power.Allocation`).
    """
    if not limit > 0:
        raise ValueError(f"limit must be more than 0 days, got {limit}")
    reachable = arrivals.distinct(limit)
    low, high = 0.0, limit
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if arrivals.distinct(middle) < entities else (low, middle)
    days = high if reachable >= entities else None
    end = limit if days is None else days
    slope = arrivals.fresh + arrivals.pool / arrivals.turnover * math.exp(-end / arrivals.turnover)
    # Half of the average rate so far: twice the time would bring less than half as many again.
    saturated = slope < 0.5 * arrivals.distinct(end) / end
    return Duration(days, reachable, saturated)
