"""The verdict on a gate: an ordered chain of small checks, the first that has something to say decides.

A gate passes when its confidence bound clears the limit, breaches when the opposite bound violates it, and waits in
between. What cannot be measured is Unknown, what cannot be measured ever is Invalid: neither lets a model pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from slipway.api.v1alpha1.gates import ACTIVE_METRICS, Gate
from slipway.core.evidence import Arm, Evidence
from slipway.core.measures import (
    Certainty,
    Context,
    Measure,
    Measured,
    Unit,
    class_share,
    error_rate,
    positive_rate,
    request_rate,
)
from slipway.core.percentiles import latency
from slipway.core.plan import Unavailable
from slipway.core.primary import SHARE_UNITS, TaskMetrics
from slipway.core.ratio_metrics import template_key, unusable
from slipway.core.template_gate import template_ratio
from slipway.statistics.ratios import MINIMUM_CLUSTERS, Confidence

Verdict = Literal["Pass", "Breach", "Wait", "Invalid", "Unknown"]
ALPHA = 0.05
"""Error probability of a pass; that of a breach is divided by the number of gates and stages that may misfire."""

_WORST: tuple[Verdict, ...] = ("Breach", "Invalid", "Unknown", "Wait", "Pass")
_MEASURES: Mapping[str, Measure] = {
    "error_rate": error_rate,
    "positive_rate": positive_rate,
    "class_share": class_share,
    "request_rate": request_rate,
    "latency_p50": latency,
    "latency_p95": latency,
    "latency_p99": latency,
}


@dataclass(frozen=True)
class Judgement:
    """The verdict with its grounds; numbers are None where nothing was measured."""

    verdict: Verdict
    message: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    samples: int = 0
    stable: float | None = None
    unit: Unit = "number"


@dataclass(frozen=True)
class Case:
    """One gate before its judge. `comparisons` is how many enforced gates times stages may breach by chance."""

    gate: Gate
    evidence: Evidence | Unavailable | None
    positive: str = "1"
    planned: float = 1000.0
    comparisons: int = 1
    metrics: TaskMetrics = field(default_factory=TaskMetrics)

    @property
    def certainty(self) -> Certainty:
        return Certainty(Confidence(ALPHA, self.planned), Confidence(ALPHA / max(1, self.comparisons), self.planned))


Check = Callable[[Case], Judgement | None]


def judge(case: Case) -> Judgement:
    """Runs the chain."""
    for check in CHAIN:
        verdict = check(case)
        if verdict is not None:
            return verdict
    return _unknown("no check had anything to say")


def _unknown(message: str) -> Judgement:
    return Judgement("Unknown", message)


def _measurable(case: Case) -> Judgement | None:
    if case.gate.metric is None:
        wrong = _unusable(case)
        return _unknown(wrong) if wrong else None
    if case.gate.metric not in ACTIVE_METRICS:
        return _unknown(f"{case.gate.metric} is not measured by this version")
    if case.gate.metric == "request_rate" and case.gate.bound is None:
        return Judgement("Invalid", "request_rate takes a bound only: arms of different shares have different rates")
    return None


def _unusable(case: Case) -> str:
    """Why a gate's template gives nothing; empty when it does."""
    name = case.gate.template.name if case.gate.template is not None else ""
    wrong = unusable(name, case.metrics.templates.get(name))
    if not wrong and isinstance(case.evidence, Evidence):
        wrong = case.evidence.missing.get(template_key(name), "")
    return wrong


def _available(case: Case) -> Judgement | None:
    if case.evidence is None:
        return _unknown("nothing is being measured")
    if isinstance(case.evidence, Unavailable):
        return _unknown(case.evidence.message)
    return None


def _arms(case: Case) -> list[tuple[str, Arm]]:
    assert isinstance(case.evidence, Evidence)
    arms = [("candidate", case.evidence.candidate)]
    return arms if case.gate.bound is not None else [*arms, ("stable", case.evidence.stable)]


def _fresh(case: Case) -> Judgement | None:
    for name, arm in _arms(case):
        if arm.scraped is None:
            return _unknown(f"no scrape of the {name} within a minute")
    return None


def _present(case: Case) -> Judgement | None:
    for name, arm in _arms(case):
        if not arm.requests:
            return _unknown(f"the {name} has answered no request that counts")
    return None


def _compared(case: Case) -> Judgement | None:
    assert isinstance(case.evidence, Evidence)
    measure = _MEASURES[case.gate.metric] if case.gate.metric is not None else template_ratio
    template = case.metrics.templates.get(case.gate.template.name) if case.gate.template is not None else None
    events = template is not None and template.unit in SHARE_UNITS
    measured = measure(case.gate, case.evidence, Context(case.positive, case.certainty, events))
    if not measured:
        least = min(int(arm.requests or 0) for _, arm in _arms(case))
        need = f"{MINIMUM_CLUSTERS} groups of entities" if case.evidence.assigned else "enough requests"
        return Judgement("Unknown", f"too little to judge: {least} requests, each arm needs {need}", samples=least)
    judged = [_verdict(case.gate, one) for one in measured]
    return min(judged, key=lambda judgement: _WORST.index(judgement.verdict))


CHAIN: tuple[Check, ...] = (_measurable, _available, _fresh, _present, _compared)


def _verdict(gate: Gate, measured: Measured) -> Judgement:
    """The comparison itself."""
    upper = gate.op in ("<=", "<")
    breach_limit = measured.limit if measured.breach_limit is None else measured.breach_limit
    verdict: Verdict = "Wait"
    if math.isinf(measured.limit) or math.isnan(measured.limit):
        verdict = "Invalid"
    elif measured.breaching.low > breach_limit if upper else measured.breaching.high < breach_limit:
        verdict = "Breach"
    elif _clears(gate, measured):
        verdict = "Pass"
    shown = measured.breaching if verdict == "Breach" else measured.passing
    return Judgement(
        verdict, _sentence(gate, measured, verdict), measured.value, shown.low, shown.high, measured.limit,
        int(measured.samples), measured.stable, measured.unit,
    )  # fmt: skip


def _clears(gate: Gate, measured: Measured) -> bool:
    low, high, limit = measured.passing.low, measured.passing.high, measured.limit
    return {"<=": high <= limit, "<": high < limit, ">=": low >= limit, ">": low > limit}[gate.op]


def shown(value: float | None, unit: Unit) -> str:
    """A number as a person reads it: shares in percent, latencies in milliseconds, or seconds from one on."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "unbounded"
    if unit == "share":
        return f"{_digits(value * 100)}%"
    if unit == "seconds":
        return f"{_digits(value * 1000)}ms" if value < 0.9995 else f"{_digits(value)}s"
    return _digits(value)


def _digits(value: float) -> str:
    """Three significant digits, never with an exponent above them."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def _named(gate: Gate) -> str:
    return gate.metric or (gate.template.name if gate.template is not None else "")


def _sentence(gate: Gate, measured: Measured, verdict: Verdict) -> str:
    bound = measured.breaching if verdict == "Breach" else measured.passing
    low, high = shown(bound.low, measured.unit), shown(bound.high, measured.unit)
    relation = {
        "Pass": "clears", "Breach": "violates", "Wait": "does not yet decide", "Invalid": "cannot be held against",
    }.get(verdict, "says nothing of")  # fmt: skip
    how = (
        " as a ratio to stable"
        if gate.ratio_to_stable
        else " as a difference to stable"
        if gate.difference_to_stable
        else ""
    )
    if measured.unit == "seconds":
        how = ""
    counted = "requests" if gate.metric is not None else "counted by its denominator"
    text = (
        f"{_named(gate)}{how} is {shown(measured.value, measured.unit) or 'unknown'}, between {low} and {high}: "
        f"{relation} {gate.op} {shown(measured.limit, measured.unit)} over {int(measured.samples)} {counted}"
    )
    notes = [measured.note] if measured.note else []
    if gate.window is not None or gate.failures > 1:
        notes.append("cumulative since the epoch began: this version applies neither window nor failures")
    return f"{text} ({'; '.join(notes)})" if notes else text
