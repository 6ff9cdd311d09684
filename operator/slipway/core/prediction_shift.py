"""How far the candidate's answers are from stable's at the same time: the population stability index over classes.

PSI = sum over classes of (p - q) ln(p / q). Its interval is that of the worst and the best case within intervals of
all shares that hold together (Bonferroni), since the index itself has no normal limit where both are alike.
"""

from __future__ import annotations

import math
from dataclasses import replace

from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Arm, Evidence
from slipway.core.measures import Context, Measured, share_of_class
from slipway.statistics.ratios import Confidence, Interval, Share, interval

FLOOR = 1e-4
"""Shares below it count as this much, or one answer of a class that the other model never gives would be infinite."""


def prediction_shift(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """The index against a bound; None while a class of either arm says too little."""
    arms = (evidence.candidate, evidence.stable)
    labels = sorted({label for arm in arms for label in (*arm.class_moments, *arm.class_counts)})
    pairs = [_pair(arms, label, evidence.assigned) for label in labels]
    found = [pair for pair in pairs if pair is not None]
    if not labels or len(found) < len(labels) or gate.bound is None:
        return None
    value = sum(_term(ours.value, theirs.value) for ours, theirs in found)
    passing, breaching = (_index(found, each) for each in (context.certainty.passing, context.certainty.breaching))
    samples = min(min(ours.trials, theirs.trials) for ours, theirs in found)
    return (Measured(value, passing, breaching, float(gate.bound.value), samples, "number", note="against stable"),)


def _pair(arms: tuple[Arm, Arm], label: str, assigned: bool) -> tuple[Share, Share] | None:
    ours, theirs = (share_of_class(arm, label, assigned) for arm in arms)
    return (ours, theirs) if ours is not None and theirs is not None else None


def _index(pairs: list[tuple[Share, Share]], confidence: Confidence) -> Interval:
    each = replace(confidence, alpha=confidence.alpha / (2 * len(pairs)))
    low = high = 0.0
    for ours, theirs in pairs:
        p, q = interval(ours, each), interval(theirs, each)
        high += max(_term(p.high, q.low), _term(p.low, q.high))
        if p.low > q.high:
            low += _term(p.low, q.high)
        elif q.low > p.high:
            low += _term(p.high, q.low)
    return Interval(low, high)


def _term(p: float, q: float) -> float:
    p, q = max(p, FLOOR), max(q, FLOOR)
    return (p - q) * math.log(p / q)
