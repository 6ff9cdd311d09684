"""Gates on a metric of an administrator: verdicts by clusters, and why some cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence import Arm
from slipway.core.gates import Case, Judgement, judge
from slipway.core.primary import TaskMetrics
from slipway.statistics.ratios import Moments

from tests.unit.core.arms import arm, evidence, gate
from tests.unit.core.traffic_model import APPROVALS

METRICS = TaskMetrics(templates={"approvals": MetricTemplateSpec.model_validate(APPROVALS)})
VALUE = TaskMetrics(templates={"approvals": MetricTemplateSpec.model_validate({"value": "queue"})})


def counted(value: float, clusters: int = 128, **fields: Any) -> Arm:
    """An arm with so much of the metric for each of 20,000 trials."""
    n = 20_000 / clusters
    noise = n * 0.3  # variance of a cluster's sum
    sums = (value * 20_000, 20_000, clusters * ((value * n) ** 2 + noise), clusters * n * n, clusters * value * n * n)
    return arm(ratios={"template/approvals": Moments(clusters, *sums)}, **fields)


def judged(candidate: Arm, stable: Arm | None = None, metrics: TaskMetrics = METRICS, **limit: str) -> Judgement:
    limits = limit or {"bound": "30%"}
    one = gate(template={"name": "approvals"}, op=">=", **limits)
    return judge(Case(one, evidence(candidate, stable or counted(0.4)), metrics=metrics))


@pytest.mark.parametrize(
    ("value", "limit", "verdict"),
    [
        (0.4, {"bound": "30%"}, "Pass"),
        (0.4, {"bound": "0.4"}, "Wait"),
        (0.2, {"bound": "30%"}, "Breach"),
        (3.0, {"bound": "2.5"}, "Pass"),
        (-1.0, {"bound": "-2"}, "Pass"),
        (0.4, {"ratioToStable": "0.9"}, "Pass"),
        (0.3, {"ratioToStable": "0.9"}, "Breach"),
        (0.4, {"differenceToStable": "-5%"}, "Pass"),
        (0.3, {"differenceToStable": "-5%"}, "Breach"),
        (-0.3, {"ratioToStable": "0.9"}, "Unknown"),
    ],
)
def test_verdicts(value: float, limit: dict[str, str], verdict: str) -> None:
    found = judged(counted(value), **limit)
    assert found.verdict == verdict, found.message
    assert verdict == "Unknown" or found.message.startswith("approvals")


@pytest.mark.parametrize(
    ("candidate", "metrics", "says"),
    [
        (counted(0.4, clusters=29), METRICS, "too little to judge"),
        (arm(), METRICS, "too little to judge"),
        (counted(0.4), VALUE, "bare value"),
        (counted(0.4), TaskMetrics(), "no usable MetricTemplate approvals"),
        (counted(0.4, scraped=None), METRICS, "no scrape of the candidate"),
        (arm(ratios={"template/approvals": Moments(128, 0.0, 20_000, 0.0, 3e6, 0.0)}), METRICS, "too little"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_unknown(candidate: Arm, metrics: TaskMetrics, says: str) -> None:
    found = judged(candidate, metrics=metrics)
    assert found.verdict == "Unknown"
    assert says in found.message


def test_what_prometheus_says_of_one_template_concerns_its_gates_alone() -> None:
    measured = replace(evidence(counted(0.4), counted(0.4)), missing={"template/approvals": "parse error"})
    bad = judge(Case(gate(template={"name": "approvals"}, bound="1"), measured, metrics=METRICS))
    good = judge(Case(gate(metric="error_rate", bound="1%"), measured, metrics=METRICS))
    assert (bad.verdict, bad.message, good.verdict) == ("Unknown", "parse error", "Pass")
