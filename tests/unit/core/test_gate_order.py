"""Laws of the chain: what comes first decides, whatever comes after it would say; and a pass has all of its grounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence import Arm, Evidence
from slipway.core.gates import Case, judge
from slipway.core.plan import Unavailable
from slipway.core.primary import TaskMetrics
from slipway.core.readings import Reading

from tests.unit.core.arms import arm, gate

LIMITS: tuple[dict[str, Any], ...] = (
    {"metric": "error_rate", "bound": "2%"},
    {"metric": "error_rate", "ratioToStable": "1.5"},
    {"metric": "positive_rate", "op": ">=", "differenceToStable": "-5%"},
    {"metric": "latency_p95", "bound": "100ms"},
    {"metric": "request_rate", "op": ">=", "bound": "0.1"},
    {"metric": "prediction_shift", "bound": "0.2"},
    {"metric": "missing_rate", "bound": "5%"},
    {"template": {"name": "depth"}, "bound": "100"},
    {"template": {"name": "hook"}, "bound": "2%"},
)
TEMPLATES = {
    "depth": MetricTemplateSpec.model_validate({"value": "max by (revision)(depth{{selector}})"}),
    "hook": MetricTemplateSpec.model_validate(
        {"provider": {"type": "HTTP", "http": {"url": "https://a.example"}}, "unit": "share"}
    ),
}
METRICS = TaskMetrics(templates=TEMPLATES)


def _arm(requests: int, errors: float, positive: float, median: float, read: float) -> Arm:
    points = {"template/depth/60s": Reading(1, value=read), "template/hook/0s": Reading(4000, events=read)}
    gaps = {"missing": {"amount": requests * errors}, "present": {"amount": requests * (1 - errors)}}
    return arm(requests, errors, positive, median, points=points, **gaps)


ARMS = st.builds(
    _arm, st.integers(1, 100_000), st.floats(0, 0.2), st.floats(0.01, 0.99), st.floats(0.001, 0.5), st.floats(0, 300)
)
GATES = st.sampled_from(LIMITS).map(lambda limit: gate(**limit))


def verdict(one: Gate, found: Evidence | Unavailable | None) -> str:
    return judge(Case(one, found, metrics=METRICS)).verdict


@given(one=GATES, ours=ARMS, theirs=ARMS)
def test_without_fresh_answers_of_the_candidate_nothing_passes_and_nothing_breaches(
    one: Gate, ours: Arm, theirs: Arm
) -> None:
    for found in (
        None,
        Unavailable("PrometheusUnavailable", "away"),
        Evidence(replace(ours, scraped=None), theirs, 600.0, True),
        Evidence(replace(ours, requests=None), theirs, 600.0, True),
        Evidence(replace(ours, requests=0.0), theirs, 600.0, True),
    ):
        assert verdict(one, found) == "Unknown"


@given(one=GATES, ours=ARMS, theirs=ARMS)
def test_a_comparison_needs_a_fresh_stable_and_a_bound_does_not(one: Gate, ours: Arm, theirs: Arm) -> None:
    both = verdict(one, Evidence(ours, theirs, 600.0, True))
    blind = verdict(one, Evidence(ours, replace(theirs, scraped=None), 600.0, True))
    assert blind == (both if one.absolute else "Unknown")


@given(one=GATES, ours=ARMS, theirs=ARMS)
def test_a_pass_and_a_breach_have_a_value_an_interval_and_samples_on_their_side_of_the_limit(
    one: Gate, ours: Arm, theirs: Arm
) -> None:
    found = judge(Case(one, Evidence(ours, theirs, 600.0, True), metrics=METRICS))
    if found.verdict not in ("Pass", "Breach"):
        return
    assert None not in (found.value, found.low, found.high, found.limit)
    assert found.samples > 0
    low, high, limit = found.low or 0.0, found.high or 0.0, found.limit or 0.0
    upper = one.op in ("<=", "<")
    if found.verdict == "Pass":
        assert high <= limit if upper else low >= limit
    elif one.metric != "latency_p95":  # a breach of a percentile grants stable's own uncertainty
        assert low > limit if upper else high < limit


@given(one=GATES, ours=ARMS, theirs=ARMS, comparisons=st.integers(2, 400), window=st.integers(1, 3000))
def test_to_judge_more_gates_or_a_later_window_never_makes_a_verdict_of_none(
    one: Gate, ours: Arm, theirs: Arm, comparisons: int, window: int
) -> None:
    found = Evidence(ours, theirs, 600.0, True)
    alone = verdict(one, found)
    among = judge(Case(one, found, metrics=METRICS, comparisons=comparisons, window=window)).verdict
    assert among in (alone, "Wait")
