"""The model's metrics beside those of the business: in a stage, and over past experiments."""

from __future__ import annotations

import pytest
from slipway.api.v1alpha1.abtest_status import ABTestResult, Delta
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.rollout_status import HistoryEntry
from slipway.api.v1alpha1.task_quality import BusinessMetric
from slipway.core.metric_source import template_key
from slipway.core.primary import TaskMetrics
from slipway.core.rollout.together import together
from slipway.core.side_by_side import side_by_side

from tests.unit.core.arms import arm, evidence, exact

APPROVAL = BusinessMetric.model_validate({"name": "approval_rate", "template": {"name": "approvals"}})
TEMPLATE = MetricTemplateSpec.model_validate({"numerator": "a{{selector}}", "denominator": "b", "unit": "share"})
TASK = TaskMetrics("1", "BinaryClassification", {"approval_rate": APPROVAL}, {"approvals": TEMPLATE})


def approved(share: float, positive: float) -> object:
    return arm(positive=positive, ratios={template_key("approvals"): exact(share, 20_000)})


def test_a_stage_shows_both_with_their_intervals() -> None:
    found = side_by_side(evidence(approved(0.75, 0.4), approved(0.7, 0.3)), TASK, 5_000)  # type: ignore[arg-type]
    assert [(each.name, each.kind, each.better) for each in found] == [
        ("positive_rate", "Model", ""), ("approval_rate", "Business", "Higher"),
    ]  # fmt: skip
    rate, approval = found
    assert (rate.candidate, rate.stable, rate.difference) == ("40%", "30%", "10%")
    assert (approval.candidate, approval.stable, approval.difference, approval.relative) == (
        "75%",
        "70%",
        "5%",
        "7.14%",
    )
    for each in found:
        assert float(each.low.rstrip("%")) < float(each.difference.rstrip("%")) < float(each.high.rstrip("%"))


def test_what_an_arm_says_too_little_of_is_not_shown_and_nothing_without_business() -> None:
    assert [each.name for each in side_by_side(evidence(arm()), TASK, 5_000)] == ["positive_rate"]
    assert side_by_side(evidence(arm()), TaskMetrics("1", "BinaryClassification"), 5_000) == ()


def ended(model: str, business: str, verdict: str = "Superior") -> HistoryEntry:
    deltas = (
        Delta(name="positive_rate", kind="Model", difference=model),
        Delta(name="approval_rate", kind="Business", difference=business),
    )
    return HistoryEntry(outcome="Promoted", ab_test=ABTestResult(verdict=verdict, deltas=deltas))


def test_two_experiments_are_too_few_to_say_how_they_move() -> None:
    (found,) = together([ended("1%", "2%"), ended("2%", "3%")])
    assert (found.verdict, found.experiments, found.message) == ("InsufficientData", 2, "2 of 3 experiments")
    assert found.correlation == ""


def test_three_say_how_often_the_same_way() -> None:
    (found,) = together([ended("1%", "2%"), ended("-0.5%", "-0.03"), ended("2%", "-1%"), ended("9%", "9%", "Running")])
    assert (found.name, found.verdict) == ("positive_rate/approval_rate", "Measured")
    assert (found.experiments, found.same_direction) == (3, 2)
    assert (found.low, found.high) == ("9.43%", "99.2%")
    assert found.correlation
    assert (found.correlation_low, found.correlation_high) == ("-1", "1")


@pytest.mark.parametrize("verdict", ["Invalid", "Running", ""])
def test_experiments_without_an_end_do_not_count(verdict: str) -> None:
    assert together([ended("1%", "2%", verdict)] * 5) == ()
