"""How two metrics moved together, against scipy's own and the laws that hold for every sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from slipway.statistics.association import correlation, same_direction

EFFECTS = st.lists(st.tuples(*(st.floats(-10, 10).map(lambda x: round(x, 3)),) * 2), min_size=1, max_size=12)


@pytest.mark.parametrize(("hits", "trials"), [(0, 3), (3, 3), (2, 5), (9, 10)])
def test_the_share_has_the_exact_interval(hits: int, trials: int) -> None:
    found = same_direction([(1.0, 1.0)] * hits + [(1.0, -1.0)] * (trials - hits))
    known = stats.binomtest(hits, trials).proportion_ci(0.95, "exact")
    assert (found.hits, found.trials) == (hits, trials)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_the_correlation_and_its_interval_are_scipys() -> None:
    pairs = np.random.default_rng(3).normal(size=(9, 2)) @ np.array([[1.0, 0.7], [0.0, 0.7]])
    known = stats.pearsonr(pairs[:, 0], pairs[:, 1])
    found = correlation([tuple(map(float, pair)) for pair in pairs])
    interval = known.confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((known.statistic, interval.low, interval.high))


def test_three_experiments_allow_any_correlation() -> None:
    found = correlation([(1.0, 2.0), (2.0, 3.9), (3.0, 6.3)])
    assert found.value > 0.99
    assert (found.low, found.high) == (-1.0, 1.0)


def test_without_an_experiment_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="no experiment"):
        same_direction([])


@given(EFFECTS)
def test_the_order_of_experiments_does_not_matter_and_intervals_hold_their_value(
    pairs: list[tuple[float, float]],
) -> None:
    share, r = same_direction(pairs), correlation(pairs)
    assert same_direction(pairs[::-1]) == share
    assert 0 <= share.low <= share.hits / share.trials <= share.high <= 1
    if not math.isnan(r.value):
        assert r.value == pytest.approx(correlation(pairs[::-1]).value, abs=1e-9)
        assert -1 <= r.low <= r.value + 1e-9
        assert r.value - 1e-9 <= r.high <= 1


@given(EFFECTS)
def test_turning_one_metric_around_turns_the_correlation_around(pairs: list[tuple[float, float]]) -> None:
    r, turned = correlation(pairs), correlation([(a, -b) for a, b in pairs])
    if not math.isnan(r.value):
        assert turned.value == pytest.approx(-r.value, abs=1e-9)
