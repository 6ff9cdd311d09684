"""A gate on an administrator's metric: one sum over another, or a bare number, against a bound or against concurrent
stable."""

from __future__ import annotations

import math

from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Arm, Evidence
from slipway.core.measures import DESIGN_EFFECT, Context, Measured, Unit, compare
from slipway.core.metric_source import template_key
from slipway.core.readings import Reading
from slipway.statistics.estimates import ratio_of_sums
from slipway.statistics.ratios import Confidence, Interval, Share, clustered, unclustered
from slipway.statistics.sequences import boundary, few_clusters


def template_metric(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """What the template counts or reads; None while an arm says too little."""
    ours, theirs = evidence.candidate.points.get(context.key), evidence.stable.points.get(context.key)
    if ours is None:
        return _counted(gate, evidence, context)
    if ours.value is not None:
        found = _number(gate, ours, theirs.value if theirs is not None else None)
    else:
        found = compare(gate, _events(ours), _events(theirs) if theirs is not None else None, context.certainty)
    return (found,) if found is not None else None


def _events(reading: Reading) -> Share | None:
    """Events among trials that nobody has grouped by entity."""
    if reading.events is None or not 0 <= reading.events <= reading.samples:
        return None
    return unclustered(reading.events, reading.samples, DESIGN_EFFECT)


def _number(gate: Gate, ours: Reading, theirs: float | None) -> Measured | None:
    """A bare number has no interval: its noise is met by windows in a row."""
    value = ours.value if ours.value is not None else math.nan
    if gate.bound is not None:
        return _exactly(value, float(gate.bound.value), "number", ours, theirs)
    if theirs is None or (gate.ratio_to_stable is not None and theirs <= 0):
        return None  # a ratio to what is not positive means nothing
    if gate.ratio_to_stable is not None:
        return _exactly(value / theirs, float(gate.ratio_to_stable.value), "ratio", ours, theirs)
    limit = float(gate.difference_to_stable.value) if gate.difference_to_stable is not None else math.nan
    return _exactly(value - theirs, limit, "number", ours, theirs)


def _exactly(value: float, limit: float, unit: Unit, of: Reading, theirs: float | None) -> Measured:
    sure = Interval(value, value)
    return Measured(value, sure, sure, limit, of.samples, unit, theirs, note="a number of the moment")


def _counted(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """The metric's value with a variance between clusters."""
    key = template_key(gate.template.name) if gate.template is not None else ""
    of = _share if context.events else _of
    ours, theirs = of(evidence.candidate, key), of(evidence.stable, key)
    if ours is None:
        return None
    if context.events or gate.bound is None:
        if (
            gate.ratio_to_stable is not None
            and not context.events
            and (theirs is None or min(ours.value, theirs.value) <= 0)
        ):
            return None  # a ratio of values that are not positive means nothing
        found = compare(gate, ours, theirs, context.certainty)
        return (found,) if found is not None else None
    passing, breaching = (_interval(ours, c) for c in (context.certainty.passing, context.certainty.breaching))
    stable = theirs.value if theirs is not None else None
    return (Measured(ours.value, passing, breaching, float(gate.bound.value), ours.trials, "number", stable),)


def _share(arm: Arm, key: str) -> Share | None:
    """Events among trials, with the floor under their variance that no event and few events need; None for what is no
    share."""
    sums = arm.ratios.get(key)
    return clustered(sums) if sums is not None and 0 <= sums.y <= sums.n else None


def _of(arm: Arm, key: str) -> Share | None:
    """The value as the comparisons of shares take it; it need not lie within 0 and 1, so nothing is shrunk."""
    sums = arm.ratios.get(key)
    if sums is None:
        return None
    found = ratio_of_sums(sums)
    if not math.isfinite(float(found.variance)):
        return None
    value = float(found.value)
    return Share(value, value, math.sqrt(float(found.variance)), sums.n, max(2, int(float(found.freedom) + 1)))


def _interval(value: Share, confidence: Confidence) -> Interval:
    radius = few_clusters(boundary(value.trials, confidence.planned, confidence.alpha), value.clusters) * value.error
    return Interval(value.value - radius, value.value + radius)
