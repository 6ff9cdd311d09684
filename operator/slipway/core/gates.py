"""The verdict on a gate: an ordered chain of small checks, the first that has something to say decides.

A gate passes when its confidence bound clears the limit, breaches when the opposite bound violates it, and waits in
between. What cannot be measured is Unknown, what cannot be measured ever is Invalid: neither lets a model pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from slipway.api.v1alpha1.gates import ACTIVE_METRICS, PREDICTION_SHIFT, Gate
from slipway.api.v1alpha1.metrics import PAIRED
from slipway.core.evidence import Arm, Evidence
from slipway.core.gate_words import sentence
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
from slipway.core.metric_source import is_read, key_of
from slipway.core.missing_values import MISSING_RATE, missing_rate
from slipway.core.pairs import PairedEvidence, uncovered, undefined
from slipway.core.pairs import measured as measured_pairs
from slipway.core.percentiles import latency
from slipway.core.plan import Unavailable
from slipway.core.prediction_shift import prediction_shift
from slipway.core.primary import SHARE_UNITS, TaskMetrics
from slipway.core.template_gate import template_metric
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
    PREDICTION_SHIFT: prediction_shift,
    MISSING_RATE: missing_rate,
}
_BOUND_ONLY: Mapping[str, str] = {
    "request_rate": "arms of different shares have different rates",
    PREDICTION_SHIFT: "it is a comparison with stable already",
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
    """One gate before its judge. `comparisons` is how many enforced gates times stages may breach by chance, `window`
    the number of the window that is judged, 0 for the sum since evidence began."""

    gate: Gate
    evidence: Evidence | Unavailable | None
    positive: str = "1"
    planned: float = 1000.0
    comparisons: int = 1
    metrics: TaskMetrics = field(default_factory=TaskMetrics)
    window: int = 0
    pairs: PairedEvidence = None

    @property
    def certainty(self) -> Certainty:
        """Each window is another chance to err: those of window k are divided by k (k + 1), which sums to the whole."""
        alpha = ALPHA / (self.window * (self.window + 1)) if self.window else ALPHA
        return Certainty(Confidence(alpha, self.planned), Confidence(alpha / max(1, self.comparisons), self.planned))


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
    alone = _BOUND_ONLY.get(case.gate.metric, "")
    if alone and case.gate.bound is None:
        return Judgement("Invalid", f"{case.gate.metric} takes a bound only: {alone}")
    return None


def _paired(case: Case) -> Judgement | None:
    """A gate on pairs is judged by them alone."""
    if case.gate.metric not in PAIRED:
        return None
    if case.pairs is None:
        return _unknown("no pairs are compared: set predictionLog")
    if isinstance(case.pairs, Unavailable):
        return _unknown(case.pairs.message)
    wrong = undefined(case.gate, case.pairs) or uncovered(case.pairs)
    if wrong:
        return Judgement("Invalid", wrong, samples=case.pairs.pairs)
    found = measured_pairs(case.gate, case.pairs, case.certainty)
    if found is None:
        message = f"too little to judge: {case.pairs.pairs} pairs, which need {MINIMUM_CLUSTERS} occupied groups"
        return Judgement("Unknown", message, samples=case.pairs.pairs)
    return _verdict(case.gate, found)


def _unusable(case: Case) -> str:
    """Why a gate's template gives nothing; empty when it does."""
    name = case.gate.template.name if case.gate.template is not None else ""
    template = case.metrics.templates.get(name)
    if template is None:
        return f"there is no usable MetricTemplate {name}"
    if not isinstance(case.evidence, Evidence):
        return ""
    key = key_of(case.gate, template)
    unread = is_read(template) and key not in case.evidence.candidate.points
    return case.evidence.missing.get(key, f"nobody has read MetricTemplate {name} yet" if unread else "")


def _available(case: Case) -> Judgement | None:
    if case.evidence is None:
        return _unknown("nothing is being measured")
    if isinstance(case.evidence, Unavailable):
        return _unknown(case.evidence.message)
    return None


def _arms(case: Case) -> list[tuple[str, Arm]]:
    assert isinstance(case.evidence, Evidence)
    arms = [("candidate", case.evidence.candidate)]
    return arms if case.gate.absolute else [*arms, ("stable", case.evidence.stable)]


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
    measure = _MEASURES[case.gate.metric] if case.gate.metric is not None else template_metric
    template = case.metrics.templates.get(case.gate.template.name) if case.gate.template is not None else None
    events = template is not None and template.unit in SHARE_UNITS
    key = key_of(case.gate, template) if template is not None else ""
    measured = measure(case.gate, case.evidence, Context(case.positive, case.certainty, events, key))
    if not measured:
        least = min(int(arm.requests or 0) for _, arm in _arms(case))
        need = f"{MINIMUM_CLUSTERS} groups of entities" if case.evidence.assigned else "enough requests"
        return Judgement("Unknown", f"too little to judge: {least} requests, each arm needs {need}", samples=least)
    judged = [_verdict(case.gate, one) for one in measured]
    return min(judged, key=lambda judgement: _WORST.index(judgement.verdict))


CHAIN: tuple[Check, ...] = (_measurable, _paired, _available, _fresh, _present, _compared)


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
        verdict, sentence(gate, measured, verdict), measured.value, shown.low, shown.high, measured.limit,
        int(measured.samples), measured.stable, measured.unit,
    )  # fmt: skip


def _clears(gate: Gate, measured: Measured) -> bool:
    low, high, limit = measured.passing.low, measured.passing.high, measured.limit
    return {"<=": high <= limit, "<": high < limit, ">=": low >= limit, ">": low > limit}[gate.op]
