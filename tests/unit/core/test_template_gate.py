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

METRICS = TaskMetrics(templates={"approvals": MetricTemplateSpec.model_validate({**APPROVALS, "unit": "EUR"})})
SHARE = TaskMetrics(templates={"approvals": MetricTemplateSpec.model_validate(APPROVALS)})
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
        (counted(0.4), VALUE, "nobody has read MetricTemplate approvals yet"),
        (counted(0.4), TaskMetrics(), "no usable MetricTemplate approvals"),
        (counted(0.4, scraped=None), METRICS, "no scrape of the candidate"),
        (arm(ratios={"template/approvals": Moments(128, 0.0, 20_000, 0.0, 3e6, 0.0)}), METRICS, "too little"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_unknown(candidate: Arm, metrics: TaskMetrics, says: str) -> None:
    found = judged(candidate, metrics=metrics)
    assert found.verdict == "Unknown"
    assert says in found.message


def events(count: float, trials: float, clusters: int = 200) -> Arm:
    """So many events among trials, spread over clusters of one size; one event in each cluster that has any."""
    each = trials / clusters
    sums = Moments(clusters, count, trials, count, clusters * each * each, count * each)
    return arm(ratios={"template/approvals": sums})


@pytest.mark.parametrize(
    ("count", "trials", "limit", "verdict"),
    [
        (0, 100_000, "3%", "Pass"),
        (0, 400, "1%", "Wait"),
        (1, 180, "3%", "Wait"),
        (6000, 100_000, "3%", "Breach"),
        (100_001, 100_000, "3%", "Unknown"),
    ],
)
def test_a_share_without_events_is_judged_and_few_are_not_sure_of_themselves(
    count: float, trials: float, limit: str, verdict: str
) -> None:
    one = gate(template={"name": "approvals"}, op="<=", bound=limit)
    clusters = min(200, int(trials))
    found = judge(Case(one, evidence(events(count, trials, clusters), counted(0.4)), metrics=SHARE))
    assert found.verdict == verdict, found.message


def test_few_effective_groups_long_before_the_planned_size_decide_nothing() -> None:
    """One heavy user among 61 groups: the quantile of few degrees was minus infinity, and the gate breached."""
    parts = [(200.0, 176.0), *[(6.75, 5.0), (6.75, 6.75)] * 30]
    n, y = sum(a for a, _ in parts), sum(b for _, b in parts)
    sums = Moments(61, y, n, sum(b * b for _, b in parts), sum(a * a for a, _ in parts), sum(a * b for a, b in parts))
    one = gate(template={"name": "approvals"}, op=">=", bound="0.5")
    heavy = arm(ratios={"template/approvals": sums})
    case = Case(one, evidence(heavy, heavy), planned=1e6, comparisons=9, metrics=METRICS)
    assert judge(case).verdict == "Wait"


def test_what_prometheus_says_of_one_template_concerns_its_gates_alone() -> None:
    measured = replace(evidence(counted(0.4), counted(0.4)), missing={"template/approvals": "parse error"})
    bad = judge(Case(gate(template={"name": "approvals"}, bound="1"), measured, metrics=METRICS))
    good = judge(Case(gate(metric="error_rate", bound="1%"), measured, metrics=METRICS))
    assert (bad.verdict, bad.message, good.verdict) == ("Unknown", "parse error", "Pass")
