"""Gates: what a metric must satisfy for a rollout to advance, and for a promoted model to stay."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one
from slipway.api.v1alpha1.constraints import Later, Line, MapBy, Name, Text
from slipway.api.v1alpha1.metrics import LATENCIES, MATURED, PAIRED, SERVING, SHARES, cel_list, quality_names
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Bound, Duration, Number

Operator = Literal["<=", ">=", "<", ">"]
MetricName = Annotated[
    str,
    Text(
        80,
        r"^[a-z][a-z0-9_]*(@[1-9][0-9]{0,3})?(\([a-z][a-z0-9_]*\))?$",
        "the name of a metric, such as error_rate, precision@10 or worst_slice(recall)",
    ),
]

PREDICTION_SHIFT = "prediction_shift"
ACTIVE_METRICS = (
    "error_rate", *LATENCIES, "request_rate", "positive_rate", "class_share", PREDICTION_SHIFT, "missing_rate", *PAIRED
)  # fmt: skip
_BARE = re.compile(r"^(?:worst_slice\()?([a-z][a-z0-9_]*)")
_KNOWN = (*SERVING, *PAIRED, *quality_names())


def bare_metric(metric: str) -> str:
    """The name without `@k` and `worst_slice()`."""
    match = _BARE.match(metric)
    return match.group(1) if match else metric


_IS_KNOWN = Rule(
    "!has(self.metric) || self.metric.replace('worst_slice(', '').replace(')', '').split('@')[0] in "
    + cel_list(_KNOWN),
    f"metric must be one of {', '.join(_KNOWN)}, or worst_slice(one of them); other metrics come from a template",
    lambda gate: gate.metric is None or bare_metric(gate.metric) in _KNOWN,
)
_CLASS = Rule(
    "!has(self.class) || (has(self.metric) && self.metric == 'class_share')",
    "class is only legal with metric: class_share",
    lambda gate: gate.label is None or gate.metric == "class_share",
)


def _unit_fits(gate: Any) -> bool:
    for limit in (gate.bound, gate.difference_to_stable):
        if limit is not None and limit.text[-1] in "sm" and gate.metric not in LATENCIES:
            return False
        if limit is not None and limit.text[-1] == "%" and gate.metric in LATENCIES:
            return False
    return True


_UNIT = Rule(
    "![has(self.bound) ? self.bound : '0', has(self.differenceToStable) ? self.differenceToStable : '0'].exists(b, "
    f"has(self.metric) && self.metric in {cel_list(LATENCIES)} ? b.endsWith('%') : (b.endsWith('s') || "
    "b.endsWith('m')))",
    "bound and differenceToStable take a time such as 100ms only with a latency metric, and a percentage only without",
    _unit_fits,
)
_IS_SHARE = r"self.bound.matches(r'^([0-9]{1,2}(\.[0-9]+)?%|100(\.0+)?%|0(\.[0-9]+)?|1(\.0+)?)$')"
_SHARE = Rule(
    f"!has(self.metric) || !has(self.bound) || !(self.metric in {cel_list(SHARES)}) || {_IS_SHARE}",
    f"bound must be a share from 0% to 100% (or 0 to 1) with the metrics {', '.join(SHARES)}",
    lambda gate: gate.metric not in SHARES or gate.bound is None or 0 <= gate.bound.value <= 1,
)
_WINDOW = Rule(
    "!has(self.window) || (self.window >= duration('10s') && self.window <= duration('168h'))",
    "window must be from 10s to 7d",
    lambda gate: gate.window is None or 10 <= gate.window.seconds <= 604_800,
)
_FAILURES = Rule(
    "!has(self.failures) || self.failures <= 1 || has(self.window) || has(self.template)",
    "failures counts windows: it is only legal with window or template",
    lambda gate: gate.failures <= 1 or gate.window is not None or gate.template is not None,
)
_PAIRED_BOUND = Rule(
    f"!has(self.metric) || !(self.metric in {cel_list(PAIRED)}) || has(self.bound) && !has(self.window)",
    f"{', '.join(PAIRED)} compare with stable by themselves, over all of the stage: they take bound, and no window",
    lambda gate: gate.metric not in PAIRED or (gate.bound is not None and gate.window is None),
)


class OnUnknown(Spec):
    """What happens while a gate cannot be judged: no data, a stale sample, an unreachable Prometheus."""

    after: Duration = Field(
        Duration("30m"), description="How long the gate may stay unknown before the action, such as 30m."
    )
    action: Literal["Hold", "Rollback"] = Field(
        "Hold", description="Hold keeps the present split and waits; Rollback returns all traffic to stable."
    )


class Limit(Spec):
    """A metric that matured labels give, and its bound."""

    laws = (
        Rule(
            f"self.metric in {cel_list(MATURED)}",
            f"metric must be one that matured labels give: {', '.join(MATURED)}",
            lambda limit: limit.metric in MATURED,
        ),
        Rule(
            "!self.bound.endsWith('s') && !self.bound.endsWith('m')",
            "bound must be a number such as 3 or a share such as 75%: no such metric is a time",
            lambda limit: limit.bound.text[-1] not in "sm",
        ),
        Rule(
            f"self.metric == 'mae' || self.bound.endsWith('s') || self.bound.endsWith('m') || {_IS_SHARE}",
            "bound must be a share from 0% to 100% (or 0 to 1) with the metrics precision, recall, accuracy",
            lambda limit: limit.metric == "mae" or limit.bound.text[-1] in "sm" or 0 <= limit.bound.value <= 1,
        ),
    )

    metric: MetricName = Field(description="precision, recall, accuracy, or mae of numbers.")
    op: Operator = Field(description="How the metric relates to the bound: <=, >=, < or >.")
    bound: Bound = Field(description="The bound, such as 0.75 or 75%.")


class Gate(Spec):
    """A limit on one metric, judged by a confidence bound: it passes, breaches or waits; no data never passes."""

    laws = (
        exactly_one("metric", "template", note="a built-in metric, or a MetricTemplate"),
        exactly_one("bound", "ratioToStable", "differenceToStable"),
        _IS_KNOWN,
        _CLASS,
        _UNIT,
        _SHARE,
        _WINDOW,
        _FAILURES,
        _PAIRED_BOUND,
    )

    name: Name = Field(description="Identifies the gate in status and in messages.")
    metric: Annotated[
        MetricName | None,
        Later(
            f"measured are {', '.join(ACTIVE_METRICS)}; a gate on another stays Unknown",
            lambda m: m not in ACTIVE_METRICS,
        ),
    ] = Field(
        None,
        description="A built-in metric. On live traffic: error_rate, latency_p50, latency_p95, latency_p99, "
        "request_rate, "
        "positive_rate, class_share, prediction_shift, missing_rate, saturation. In a Shadow stage with a "
        "predictionLog also: agreement, positive_rate_ratio, flagged_overlap, score_distance, pair_coverage. With "
        "labels: the task's metrics, and "
        "worst_slice(metric).",
    )
    template: LocalReference | None = Field(
        None,
        description="A MetricTemplate (cluster-scoped, written by administrators) with numerator and denominator.",
    )
    label: Line | None = Field(
        None, alias="class", description="The class whose share class_share measures; absent means every class."
    )
    op: Operator = Field(description="How the metric must relate to its limit: <=, >=, < or >.")
    bound: Bound | None = Field(
        None, description="An absolute limit: 1% or 0.01 for shares, 100ms or 0.1 (seconds) for latencies."
    )
    ratio_to_stable: Number | None = Field(
        None, description="A limit relative to the stable variant at the same time: 1.2 means 20% above it."
    )
    difference_to_stable: Bound | None = Field(
        None, description="A limit on the difference to the stable variant at the same time, such as 0.5% or 20ms."
    )
    window: Duration | None = Field(
        None,
        description="Judge windows of this length, one after the other (5m). Absent: evidence is the sum since the "
        "stage began; bare numbers of a template are looked at every minute.",
    )
    failures: int = Field(
        1,
        ge=1,
        le=100,
        description="How many windows in a row must breach before the gate breaches. One that nobody could judge "
        "neither counts nor clears.",
    )
    enforcement: Literal["Enforce", "DryRun"] = Field(
        "Enforce", description="Enforce acts on a breach; DryRun only reports the verdict in status."
    )
    on_unknown: OnUnknown = Field(OnUnknown(), description="What happens while the gate cannot be judged.")

    @property
    def needs_nobody(self) -> bool:
        """Whether a synthetic load can judge it: a largest latency or share of errors, of its own."""
        shown = self.metric in ("error_rate", *LATENCIES)
        return shown and self.bound is not None and self.op in ("<=", "<")

    @property
    def absolute(self) -> bool:
        """Whether it can be judged where there is no stable to compare with."""
        return self.bound is not None and self.metric != PREDICTION_SHIFT


Gates = Annotated[tuple[Gate, ...], MapBy(20)]

__all__ = [
    "ACTIVE_METRICS",
    "PREDICTION_SHIFT",
    "Gate",
    "Gates",
    "Limit",
    "MetricName",
    "OnUnknown",
    "Operator",
    "bare_metric",
]
