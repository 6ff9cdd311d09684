"""What a person reads of a gate: numbers with few digits, and one sentence for each verdict."""

from __future__ import annotations

import math

from slipway.api.v1alpha1.gates import Gate
from slipway.core.measures import Measured, Unit


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


def sentence(gate: Gate, measured: Measured, verdict: str) -> str:
    """Value, interval, limit, and over how many events they were found."""
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
    counted = measured.counted if gate.metric is not None else "counted by its denominator"
    text = (
        f"{_named(gate)}{how} is {shown(measured.value, measured.unit) or 'unknown'}, between {low} and {high}: "
        f"{relation} {gate.op} {shown(measured.limit, measured.unit)} over {int(measured.samples)} {counted}"
    )
    notes = [measured.note] if measured.note else []
    if gate.window is not None:
        notes.append(f"of the last {gate.window}")
    return f"{text} ({'; '.join(notes)})" if notes else text
