"""What matured labels say of a promoted version: whether it surely keeps its limit, or surely does not."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.gates import Limit
from slipway.api.v1alpha1.task_label import Label
from slipway.core.performance import Counts, Judgement, Reach, figure
from slipway.core.relations import RELATIONS
from slipway.statistics.sequences import one_sided_boundary

ERROR = 0.001
"""Error probability of each end of the interval, over all looks of a probation together."""

PLANNED = 200.0
"""Trials at which the confidence sequence is tightest: so many tell 60% from a bound of 75% in four of five cases."""


def on_bound(limit: Limit, label: Label, counts: Counts, asked: datetime, reach: Reach) -> Judgement:
    """Pass where all of the interval keeps the limit, Breach where none of it does, else Wait; or why nothing can be
    said. The interval is a confidence sequence, since looks go on until one decides: all predictions since the
    promotion are counted each time, so there is a stream that has a beginning."""
    found = figure(limit.metric, label, counts, asked, reach, _multiple)
    if isinstance(found, Judgement):
        return found
    keeps, bound, must = RELATIONS[limit.op], float(limit.bound.value), f"{limit.op} {limit.bound}"
    worst, best = (found.ends.low, found.ends.high) if limit.op.startswith(">") else (found.ends.high, found.ends.low)
    if keeps(worst, bound):
        return found.judgement("Pass", f"is surely {must}")
    if not keeps(best, bound):
        return found.judgement("Breach", f"is surely not {must}")
    return found.judgement("Wait", f"is not yet surely on either side of {must}")


def _multiple(trials: float) -> float:
    return one_sided_boundary(trials, PLANNED, ERROR)
