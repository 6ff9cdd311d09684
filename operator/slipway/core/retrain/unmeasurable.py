"""Why matured labels can say nothing of a trigger, whatever is measured; each with what mends it."""

from __future__ import annotations

from slipway.api.v1alpha1.retrain_triggers import PerformanceTrigger
from slipway.core import measurement
from slipway.core.plan import Unavailable
from slipway.core.retrain.snapshot import RetrainSnapshot


def unmeasurable(snapshot: RetrainSnapshot, trigger: PerformanceTrigger) -> Unavailable | None:
    """The first reason; None where there is none."""
    if snapshot.served is None or not snapshot.served.revision:
        return Unavailable("NothingServed", "there is no stable revision whose predictions labels could judge")
    return measurement.unmeasurable(snapshot.labelled, trigger.metric)
