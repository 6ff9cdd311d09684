"""Verdicts as values, percentiles as shares over an edge, design effects over time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.hypotheses import Hypothesis, Verdict, judge, judge_limit
from slipway.statistics.tails import design_effect, judge_percentile, over

HIGHER, LOWER = Hypothesis("Higher"), Hypothesis("Lower")
NOT_WORSE = Hypothesis("Higher", "NonInferiority", 0.02)
FASTER_ENOUGH = Hypothesis("Lower", "NonInferiority", 0.1)
EDGES = [0.05, 0.1, 0.2, math.inf]


@pytest.mark.parametrize(
    ("hypothesis", "low", "high", "verdict"),
    [
        (HIGHER, 0.01, 0.05, Verdict.PASS),
        (HIGHER, -0.05, -0.01, Verdict.BREACH),
        (HIGHER, -0.01, 0.05, Verdict.WAIT),
        (HIGHER, 0.0, 0.05, Verdict.WAIT),
        (LOWER, -0.05, -0.01, Verdict.PASS),
        (LOWER, 0.01, 0.05, Verdict.BREACH),
        (NOT_WORSE, -0.01, 0.01, Verdict.PASS),
        (NOT_WORSE, -0.03, 0.01, Verdict.WAIT),
        (NOT_WORSE, -0.05, -0.03, Verdict.BREACH),
        (FASTER_ENOUGH, -0.2, 0.09, Verdict.PASS),
        (FASTER_ENOUGH, 0.11, 0.2, Verdict.BREACH),
        (HIGHER, -math.inf, math.inf, Verdict.WAIT),
        (HIGHER, math.nan, math.nan, Verdict.WAIT),
        (HIGHER, math.inf, -math.inf, Verdict.WAIT),
    ],
)
def test_verdicts(hypothesis: Hypothesis, low: float, high: float, verdict: Verdict) -> None:
    assert judge(low, high, hypothesis) is verdict
    ended = judge(low, high, hypothesis, ended=True)
    assert ended is (Verdict.INCONCLUSIVE if verdict is Verdict.WAIT else verdict)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_a_narrower_interval_keeps_a_verdict(middle: float, width: float, margin: float, part: float) -> None:
    for hypothesis in (HIGHER, Hypothesis("Lower", "NonInferiority", margin)):
        before = judge(middle - width, middle + width, hypothesis)
        after = judge(middle - part * width, middle + part * width, hypothesis)
        assert before in (Verdict.WAIT, after)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0.001, 1))
def test_better_is_a_matter_of_sign(low: float, width: float, margin: float) -> None:
    for kind in ({}, {"type": "NonInferiority", "margin": margin}):
        up = judge(low, low + width, Hypothesis("Higher", **kind))
        assert judge(-low - width, -low, Hypothesis("Lower", **kind)) is up


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"margin": -0.1, "type": "NonInferiority"}, "margin must be"),
        ({"margin": math.inf, "type": "NonInferiority"}, "margin must be"),
        ({"margin": 0.1}, "set type"),
        ({"type": "NonInferiority"}, "needs a margin"),
    ],
)
def test_an_illegal_hypothesis_says_what_to_do(fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Hypothesis(**fields)


def test_the_share_over_an_edge() -> None:
    events, trials = over(EDGES, [[10, 60, 95, 100], [0, 0, 5, 5]], 0.1)
    assert events.tolist() == [40, 5]
    assert trials.tolist() == [100, 5]
    assert over(EDGES, [10, 60, 95, 100], 0.2)[0] == 5


def test_a_limit_between_edges_names_the_remedy() -> None:
    with pytest.raises(ValueError, match="add it to the edges"):
        over(EDGES, [1, 2, 3, 4], 0.15)
    with pytest.raises(ValueError, match="cumulative"):
        over(EDGES, [4, 3, 2, 1], 0.1)


def test_a_percentile_is_judged_by_its_share() -> None:
    assert judge_percentile(0.002, 0.008, 0.99) is Verdict.PASS
    assert judge_percentile(0.012, 0.02, 0.99) is Verdict.BREACH
    assert judge_percentile(0.008, 0.012, 0.99) is Verdict.WAIT
    assert judge_percentile(0.008, 0.012, 0.99, ended=True) is judge_limit(0.008, 0.012, 0.01, "Lower", True)
    with pytest.raises(ValueError, match="quantile"):
        judge_percentile(0, 1, 1.0)


def test_independent_requests_have_little_design_effect_and_correlated_ones_theirs() -> None:
    rng = np.random.default_rng(5)
    n = rng.poisson(1000, 200)
    assert design_effect(rng.binomial(n, 0.05), n) < 1.5
    own = rng.beta(0.05 * 199, 0.95 * 199, 200)  # intraclass correlation 1/200: design effect near 6
    assert design_effect(rng.binomial(n, own), n) == pytest.approx(6 * 1.15, rel=0.25)


def test_the_design_effect_seldom_says_too_little() -> None:
    rng = np.random.default_rng(6)
    n = np.full(24, 1000)
    found = [design_effect(rng.binomial(n, rng.beta(0.1 * 199, 0.9 * 199, 24)), n) for _ in range(500)]
    assert np.mean(np.array(found) < 1 + 999 / 200) <= 0.13


def test_few_blocks_say_nothing_and_empty_ones_do_not_count() -> None:
    assert design_effect([1] * 11, [10] * 11) == math.inf
    assert design_effect([1] * 11 + [0] * 5, [10] * 11 + [0] * 5) == math.inf
    assert design_effect([0] * 12, [10] * 12) == 1
