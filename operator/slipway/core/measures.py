"""What a gate's metric says of two arms: a value with its confidence sequences, comparable with the gate's limit.

One small function for each family of metrics. A function returns None where nothing can be said yet; it never takes
missing data for zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Arm, Evidence
from slipway.statistics.ratios import (
    Confidence,
    Interval,
    Share,
    clustered,
    difference,
    interval,
    ratio,
    unclustered,
)
from slipway.statistics.sequences import boundary

DESIGN_EFFECT = 2.0
"""Assumed variance inflation where requests are counted without clusters of entities; stated in every such sentence."""

Unit = Literal["share", "seconds", "ratio", "number"]


@dataclass(frozen=True)
class Certainty:
    """Two error probabilities at one planned size: a pass is one claim, a breach is one of several that may misfire."""

    passing: Confidence
    breaching: Confidence


@dataclass(frozen=True)
class Measured:
    """A metric ready for its verdict; a pass clears `limit`, a breach violates `breach_limit` (absent: `limit`)."""

    value: float
    passing: Interval
    breaching: Interval
    limit: float
    samples: float
    unit: Unit
    stable: float | None = None
    breach_limit: float | None = None
    note: str = ""
    counted: str = "requests"


@dataclass(frozen=True)
class Context:
    """What a metric needs beside the evidence: the class that counts as positive, how sure to be, whether the gate's
    template counts events among trials, and the key of what it measures."""

    positive: str
    certainty: Certainty
    events: bool = False
    key: str = ""


Measure = Callable[[Gate, Evidence, Context], tuple[Measured, ...] | None]
_ASSUMED = f"requests, design effect {DESIGN_EFFECT:g} assumed"


def error_rate(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """5xx answers among all answers; 4xx are the client's."""

    def share(arm: Arm) -> Share | None:
        if arm.requests is None:
            return None
        if evidence.assigned:
            return clustered(arm.error_moments) if arm.error_moments else None
        return unclustered(arm.errors, arm.requests, DESIGN_EFFECT)

    found = compare(gate, share(evidence.candidate), share(evidence.stable), context.certainty)
    return (found,) if found else None


def positive_rate(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """Answers of the task's positive class among all answers."""
    return _class_shares(gate, evidence, context.certainty, (context.positive,))


def class_share(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """Answers of one class, or of every class that either arm has answered."""
    if gate.label is not None:
        return _class_shares(gate, evidence, context.certainty, (gate.label,))
    arms = (evidence.candidate, evidence.stable)
    labels = sorted({label for arm in arms for label in (*arm.class_moments, *arm.class_counts)})
    if not labels:
        return None
    breaching = replace(context.certainty.breaching, alpha=context.certainty.breaching.alpha / len(labels))
    return _class_shares(gate, evidence, replace(context.certainty, breaching=breaching), tuple(labels))


def _class_shares(
    gate: Gate, evidence: Evidence, certainty: Certainty, labels: tuple[str, ...]
) -> tuple[Measured, ...] | None:
    found: list[Measured] = []
    for label in labels:
        ours = share_of_class(evidence.candidate, label, evidence.assigned)
        measured = compare(gate, ours, share_of_class(evidence.stable, label, evidence.assigned), certainty)
        if measured is None:
            return None
        found.append(replace(measured, note=", ".join(filter(None, (f"class {label}", measured.note)))))
    return tuple(found)


def share_of_class(arm: Arm, label: str, assigned: bool) -> Share | None:
    """The share of one class among an arm's answers; None while it says too little."""
    if not assigned:
        total = sum(arm.class_counts.values())
        return unclustered(arm.class_counts.get(label, 0.0), total, DESIGN_EFFECT)
    sums = arm.class_sums(label)
    return clustered(sums) if sums is not None else None


def compare(gate: Gate, ours: Share | None, theirs: Share | None, certainty: Certainty) -> Measured | None:
    """A share against the bound, or against the concurrent share of stable."""
    if ours is None:
        return None
    note = "" if ours.clusters else _ASSUMED
    stable = theirs.value if theirs else None
    if gate.bound is not None:
        passing, breaching = (interval(ours, c) for c in (certainty.passing, certainty.breaching))
        return Measured(
            ours.value, passing, breaching, float(gate.bound.value), ours.trials, "share", stable, note=note
        )
    if theirs is None:
        return None
    samples = min(ours.trials, theirs.trials)
    if gate.ratio_to_stable is not None:
        passing, breaching = (ratio(ours, theirs, c) for c in (certainty.passing, certainty.breaching))
        value = ours.value / theirs.value if theirs.value > 0 else math.nan
        return Measured(
            value, passing, breaching, float(gate.ratio_to_stable.value), samples, "ratio", stable, note=note
        )
    passing, breaching = (difference(ours, theirs, c) for c in (certainty.passing, certainty.breaching))
    limit = float(gate.difference_to_stable.value) if gate.difference_to_stable else math.nan
    return Measured(ours.value - theirs.value, passing, breaching, limit, samples, "share", stable, note=note)


def request_rate(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """Requests per second since the epoch began, as a Poisson count with a design effect; bounds only."""
    requests = evidence.candidate.requests
    if requests is None or gate.bound is None or evidence.age <= 0:
        return None
    counted = unclustered(0.0, requests, DESIGN_EFFECT)
    if counted is None:
        return None
    error = math.sqrt(DESIGN_EFFECT * (requests + 1)) / evidence.age
    rate = Share(requests / evidence.age, (requests + 1) / evidence.age, error, requests)
    passing, breaching = (_unbounded(rate, c) for c in (context.certainty.passing, context.certainty.breaching))
    return (Measured(rate.value, passing, breaching, float(gate.bound.value), requests, "number", note=_ASSUMED),)


def _unbounded(rate: Share, confidence: Confidence) -> Interval:
    radius = boundary(rate.trials, confidence.planned, confidence.alpha) * rate.error
    return Interval(max(0.0, rate.value - radius), rate.shrunk + radius)
