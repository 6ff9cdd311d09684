"""Shares over clusters: agreement with direct computation, coverage, and what a few requests may not prove."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.ratios import Confidence, Moments, Share, clustered, difference, interval, ratio, unclustered

SURE = Confidence(0.05, 1000)


def moments(y: np.ndarray, n: np.ndarray) -> Moments:
    return Moments(len(n), y.sum(), n.sum(), (y * y).sum(), (n * n).sum(), (y * n).sum())


def test_the_variance_is_the_delta_method_over_clusters() -> None:
    rng = np.random.default_rng(3)
    n = rng.poisson(50, 200).astype(float)
    y = rng.binomial(n.astype(int), rng.beta(2, 8, 200)).astype(float)
    share = clustered(moments(y, n))
    assert share is not None
    residuals = y - share.value * n
    expected = math.sqrt(len(n) / (len(n) - 1) * (residuals**2).sum()) / n.sum()
    assert share.error == pytest.approx(expected)


@given(st.integers(30, 256), st.integers(1, 1000), st.floats(0, 1), st.floats(10, 1e9), st.floats(1e-9, 0.5))
def test_an_interval_holds_its_value_however_early_one_looks(
    clusters: int, each: int, rate: float, planned: float, alpha: float
) -> None:
    """A stage of a million samples is looked at after a few hundred."""
    n = np.full(clusters, float(each))
    share = clustered(moments(np.floor(n * rate), n))
    assert share is not None
    sure = Confidence(alpha, planned)
    alone, apart, relative = interval(share, sure), difference(share, share, sure), ratio(share, share, sure)
    assert 0 <= alone.low <= share.value <= alone.high <= 1
    assert apart.low <= 0 <= apart.high
    assert relative.low <= 1 <= relative.high


def test_users_who_differ_widen_the_interval_against_the_naive_one() -> None:
    rng = np.random.default_rng(3)
    n = np.full(100, 100.0)
    y = rng.binomial(100, rng.beta(1, 4, 100)).astype(float)
    share = clustered(moments(y, n))
    assert share is not None
    assert share.error > 3 * math.sqrt(share.value * (1 - share.value) / n.sum())


@pytest.mark.parametrize("clusters", [0, 1, 29])
def test_fewer_than_30_clusters_say_nothing(clusters: int) -> None:
    assert clustered(Moments(clusters, 1.0, 1000.0, 1.0, 5000.0, 10.0)) is None


@pytest.mark.parametrize("requests", [0, 1, 10, 59])
def test_a_few_requests_say_nothing(requests: int) -> None:
    assert unclustered(0, requests, design_effect=2.0) is None


@pytest.mark.parametrize(("requests", "proven"), [(60, False), (200, False), (300, False), (1000, True), (5000, True)])
def test_no_error_among_few_requests_does_not_prove_one_percent(requests: int, proven: bool) -> None:
    share = unclustered(0, requests, design_effect=1.0)
    assert share is not None
    assert (interval(share, SURE).high <= 0.01) is proven


@given(
    st.integers(30, 256), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.05, 0.01, 0.001])
)
def test_intervals_hold_their_estimates(clusters: int, each: int, ours: float, theirs: float, alpha: float) -> None:
    n = float(clusters * each)
    nn = clusters * float(each * each)
    shares = [clustered(Moments(clusters, n * p, n, nn * p * p, nn, nn * p)) for p in (ours, theirs)]
    first, second = shares
    assert first is not None
    assert second is not None
    sure = Confidence(alpha, 1000)
    alone, apart, relative = interval(first, sure), difference(first, second, sure), ratio(first, second, sure)
    assert 0 <= alone.low <= first.value + 1e-12
    assert first.value - 1e-12 <= alone.high <= 1
    assert apart.low <= first.value - second.value <= apart.high
    if second.value > 0:
        assert relative.low <= first.value / second.value * (1 + 1e-9)
        assert first.value / second.value <= relative.high * (1 + 1e-9)


def test_a_ratio_to_nothing_is_unbounded_above() -> None:
    some, none = Share(0.1, 0.1, 0.01, 1000, 100), Share(0.0, 0.001, 0.001, 1000, 100)
    assert ratio(some, none, SURE).high == math.inf


def test_coverage_of_clustered_shares_under_continuous_looks() -> None:
    """500 null canaries of 40 looks with sticky users: the true share lies outside at any look in at most 5%."""
    rng = np.random.default_rng(5)
    outside = 0
    for _ in range(500):
        rates = rng.beta(2, 8, 120)
        n = np.zeros(120)
        y = np.zeros(120)
        missed = False
        for _ in range(40):
            new = rng.poisson(2, 120)
            n, y = n + new, y + rng.binomial(new, rates)
            share = clustered(moments(y, n))
            assert share is not None
            found = interval(share, Confidence(0.05, 2000))
            missed |= not found.low <= 0.2 <= found.high
        outside += missed
    assert outside / 500 <= 0.05
