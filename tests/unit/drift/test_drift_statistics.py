"""Indices of drift: published numbers, edge cases, and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from slipway.statistics.drift import (
    chi_square,
    hellinger,
    ks_chance,
    ks_interval,
    ks_rows,
    minimum_rows,
    null_psi,
    psi,
    share_low,
)  # fmt: skip

OBSERVED, EXPECTED = [16, 16, 16, 16, 16, 8], [16, 18, 16, 14, 12, 12]
counts = st.lists(st.integers(0, 500), min_size=2, max_size=20).filter(lambda found: sum(found) > 0)


def test_published_numbers() -> None:
    assert psi(OBSERVED, EXPECTED) == pytest.approx(0.037218, abs=5e-7)
    assert hellinger(OBSERVED, EXPECTED) == pytest.approx(0.06812, abs=1e-5)
    assert chi_square(OBSERVED, EXPECTED) == pytest.approx(0.67309, abs=5e-6)


@pytest.mark.parametrize(("bound", "buckets", "rows"), [(0.2, 20, 219), (0.1, 20, 438), (0.2, 3, 69), (0.2, 1, 54)])
def test_minimum_of_rows(bound: float, buckets: int, rows: int) -> None:
    assert minimum_rows(bound, buckets) == rows


@pytest.mark.parametrize("bound", [0.0, -1.0])
def test_a_bound_that_is_not_positive_has_no_minimum(bound: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        minimum_rows(bound, 20)


def test_at_the_minimum_of_rows_chance_alone_passes_the_bound_about_once_in_a_thousand() -> None:
    shares = np.full(20, 0.05)
    drawn = np.random.default_rng(1).multinomial(minimum_rows(0.2, 20), shares, size=20_000)
    passed = np.mean([psi(each, shares) >= 0.2 for each in drawn])
    assert 0.0005 < passed < 0.006, "the index has a heavier tail than chi-square, but of the same order"


@pytest.mark.parametrize("rare", [0.002, 0.01, 0.03, 0.05])
def test_windows_of_the_reference_itself_stay_below_the_bound_and_the_closer_the_more_rows(rare: float) -> None:
    shares = [1 - 19 * rare, *[rare] * 19]
    assert null_psi(shares, 2000) < null_psi(shares, 438) < null_psi(shares, 219) < 0.2
    assert null_psi(shares, 219) == null_psi(shares, 219)


@pytest.mark.parametrize(("observed", "expected"), [([], []), ([0, 0], [1, 1]), ([1, 1], [0, 0])])
def test_no_rows_are_no_drift_and_no_absence_of_it(observed: list[float], expected: list[float]) -> None:
    assert math.isnan(psi(observed, expected))
    assert math.isnan(hellinger(observed, expected))
    assert math.isnan(chi_square(observed, expected))


def test_an_empty_bucket_counts_as_half_a_row() -> None:
    assert psi([100, 0], [90, 10]) == pytest.approx((1 - 0.9) * math.log(1 / 0.9) + (0.005 - 0.1) * math.log(0.05))


@given(counts)
def test_equal_proportions_have_no_distance(found: list[int]) -> None:
    assert psi(found, [3 * each for each in found]) == pytest.approx(0, abs=1e-12)
    assert hellinger(found, [3 * each for each in found]) == pytest.approx(0, abs=1e-7)


@given(st.integers(2, 20).flatmap(lambda n: st.tuples(*[st.lists(st.integers(1, 500), min_size=n, max_size=n)] * 2)))
def test_the_index_is_a_symmetric_divergence_of_full_buckets(pair: tuple[list[int], list[int]]) -> None:
    one, other = pair
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert 0 <= hellinger(one, other) <= 1


@given(counts, st.integers(1, 7))
def test_the_index_is_finite_whatever_is_empty(found: list[int], shift: int) -> None:
    assert math.isfinite(psi(found, found[shift % len(found) :] + found[: shift % len(found)]))


@given(st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_the_interval_of_the_distance_holds_what_the_values_themselves_say(buckets: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    ours, theirs = draw.normal(size=200), draw.normal(0.5, 1.5, size=300)
    edges = np.sort(draw.normal(size=buckets - 1))
    counts = [np.bincount(np.searchsorted(edges, each, side="right"), minlength=buckets) for each in (ours, theirs)]
    low, high = ks_interval(*counts)
    exact = stats.ks_2samp(ours, theirs).statistic
    assert low - 1e-9 <= exact <= high + 1e-9


def test_the_rows_of_a_distance_and_the_bound_of_a_share_are_those_of_their_inequalities() -> None:
    assert ks_rows(0.1) == 381
    assert ks_chance(381) <= 0.1 < ks_chance(380)
    assert share_low(60, 100) == pytest.approx(0.6 - math.sqrt(math.log(1000) / 200))
    assert share_low(0, 0) == 0
    assert all(math.isnan(each) for each in ks_interval([0, 0], [1, 1]))
