"""An ABTest stage as statistics: what is to be found, how large that is, what an interval says. Values only.

`slipway.statistics` has the formulas and their sources (docs/statistics.md); here they are chosen by a spec.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from slipway.api.v1alpha1.abtest import ABTest
from slipway.statistics import group_sequential
from slipway.statistics.duration import Arrivals, Duration, days_until
from slipway.statistics.estimates import Estimate, arms, difference, relative, share_of_events
from slipway.statistics.first_passage import closing_bound
from slipway.statistics.group_sequential import Spending, boundaries, obrien_fleming, pocock
from slipway.statistics.horizon import horizon
from slipway.statistics.hypotheses import Hypothesis
from slipway.statistics.power import Allocation, Metric, detectable_effect, entities_needed, pilot_metric
from slipway.statistics.ratios import MINIMUM_CLUSTERS, Moments
from slipway.statistics.sequential import Design, after_restarts, bounds, interval

Kind = Literal["Absolute", "Relative"]
LOOKS = 56
"""Looks in the integration that plans a sequence: four a day for two weeks. More change the size by a percent."""

DAY_SECONDS = 86_400.0
_SPENDING: dict[str, Spending] = {"OBrienFleming": obrien_fleming, "Pocock": pocock}
FOREVER = 3650.0
"""Days after which nobody waits any more."""


def hypothesis_of(test: ABTest) -> Hypothesis:
    """What is to be proved; the margin is in units of the effect."""
    accepted = test.hypothesis.non_inferiority
    margin = float(accepted.margin.value) if accepted is not None else 0.0
    return Hypothesis(test.better, test.hypothesis.type, margin)


def design_of(test: ABTest, restarts: int = 0) -> Design:
    """The effect to be found and its errors. Non-inferiority has to tell no effect from the margin, so that the margin
    is its effect; half of alpha is a false promotion and half a false rollback. Evidence that began anew has a share of
    alpha."""
    accepted = test.hypothesis.non_inferiority
    effect = accepted.margin if accepted is not None else test.effect.value
    alpha = after_restarts(float(test.alpha.fraction), restarts)
    return Design(float(effect.value), alpha, float(test.power.fraction))


def inflation_of(test: ABTest, restarts: int = 0) -> float:
    """How many times a fixed test the experiment takes at most, for its power."""
    return _inflation(design_of(test, restarts), planned_looks(test), spending_of(test))


@lru_cache(maxsize=64)
def _inflation(design: Design, planned: tuple[float, ...], spending: Spending) -> float:
    """Asked for at every look, and a walk of tens of milliseconds."""
    if planned:
        return group_sequential.inflation(planned, spending, design)
    return horizon(design, LOOKS, closing=True).inflation


def planned_looks(test: ABTest) -> tuple[float, ...]:
    """Shares of the planned information at which a group-sequential experiment is looked at; none for a sequence."""
    if test.method != "GroupSequential":
        return ()
    looks = test.group_sequential.looks if test.group_sequential is not None else 5
    return tuple(number / looks for number in range(1, looks + 1))


def spending_of(test: ABTest) -> Spending:
    """How a group-sequential experiment spends its error."""
    return _SPENDING[test.group_sequential.spending if test.group_sequential is not None else "OBrienFleming"]


def effect_of(test: ABTest, ours: Moments, theirs: Moments, events: bool) -> Estimate:
    """The effect with its variance, absolute or relative as asked."""
    mine, base = arms(ours, theirs, events)
    return difference(mine, base) if test.effect.kind == "Absolute" else relative(mine, base, hypothesis_of(test).limit)


@dataclass(frozen=True)
class Judged:
    """An effect with its interval. `fraction` is the information so far, as a share of what a fixed test takes."""

    value: float
    low: float
    high: float
    fraction: float


def sequence(effect: Estimate, test: ABTest, last: bool, restarts: int = 0) -> Judged:
    """The confidence sequence of now; the `last` look, at an end that was fixed before the start, spends what is left
    of the error."""
    design = design_of(test, restarts)
    fraction = float(effect.information / design.information)
    if last and fraction > 0:
        low, high = interval(effect, np.asarray(closing_bound(fraction, design)))
    else:
        low, high = bounds(effect, design)
    return Judged(float(effect.value), float(low), float(high), fraction)


def look(effect: Estimate, test: ABTest, before: Sequence[float], last: bool, restarts: int = 0) -> Judged:
    """A planned look after those at the fractions `before`, of the planned (inflated) information.

    A repeated confidence interval (Jennison, Turnbull 1989). Raises ValueError unless information has grown.
    """
    design = design_of(test, restarts)
    fractions = [*before, planned_fraction(effect, test, restarts)]
    multiple = boundaries(fractions, design.tail, spending_of(test), final=last)[-1]
    low, high = interval(effect, np.asarray(multiple))
    return Judged(float(effect.value), float(low), float(high), float(effect.information / design.information))


def planned_fraction(effect: Estimate, test: ABTest, restarts: int = 0) -> float:
    """Information so far as a share of what a group-sequential plan ends with."""
    return float(effect.information / (design_of(test, restarts).information * inflation_of(test, restarts)))


def look_is_due(test: ABTest, taken: int, fraction: float) -> bool:
    """Whether the information of the next planned look is there. Information tells nothing of the effect, so that a
    look may wait for it."""
    planned = planned_looks(test)
    return taken < len(planned) and fraction >= planned[taken]


@dataclass(frozen=True)
class Size:
    """How large an experiment is, and whether traffic brings that in time.

    `entities` of both arms together. `days` is None where they never come; `reachable` come until `at_most` days, and
    `detectable` is what those find with the power asked for, None where nobody comes.
    """

    entities: int
    days: float | None
    at_most: float
    reachable: float
    detectable: float | None

    @property
    def fits(self) -> bool:
        return self.days is not None and self.days <= self.at_most


def piloted(pilot: Moments, entities: float, events: bool) -> Metric:
    """The metric as live traffic shows it; of events with the least variance that they may claim, so that a share of
    which nobody has seen an event can be planned for. Raises ValueError where the sums say nothing yet."""
    if not events:
        return pilot_metric(pilot, entities)
    found = share_of_events(pilot)
    if not math.isfinite(float(found.variance)) or not entities > 0:
        raise ValueError(f"the pilot says nothing yet: it needs {MINIMUM_CLUSTERS} occupied clusters")
    return Metric(float(found.value), math.sqrt(float(found.variance) * entities))


def sized(
    test: ABTest, metric: Metric, arrivals: Arrivals, share: float, restarts: int = 0, days: float | None = None
) -> Size:
    """The size of an experiment whose candidate gets `share` of the entities, with `days` until its end (by default all
    of them).

    Raises ValueError for a relative effect on a metric of zero.
    """
    design, allocation = design_of(test, restarts), Allocation(share, 1 - share)
    inflation = inflation_of(test, restarts)
    kind: Kind = test.effect.kind
    needed = entities_needed(metric, kind, design, allocation, inflation)
    limit = days if days is not None else test.at_most.seconds / DAY_SECONDS
    took: Duration = days_until(arrivals, needed, max(FOREVER, limit))
    reachable = arrivals.distinct(limit)
    found = detectable_effect(metric, kind, design, reachable, allocation, inflation) if reachable > 0 else None
    return Size(needed, took.days, limit, reachable, found)


def whole_days(days: float | None) -> int | None:
    """Days as people plan them: begun ones count."""
    return None if days is None else max(1, math.ceil(days))
