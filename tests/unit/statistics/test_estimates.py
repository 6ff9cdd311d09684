"""Effects of two arms: agreement with direct computation, symmetry, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.estimates import (
    Estimate,
    arms,
    binomial_floor,
    difference,
    ratio_of_sums,
    relative,
    share_of_events,
)
from slipway.statistics.ratios import Moments
from slipway.statistics.sequences import few_degrees

from tests.unit.core.arms import moments


def drawn(rng: np.random.Generator, clusters: int = 200, rate: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    n = rng.poisson(50, clusters).astype(float) + 1
    return rng.binomial(n.astype(int), rng.beta(5 * rate, 5 * (1 - rate), clusters)).astype(float), n


def test_the_error_is_the_spread_between_repetitions() -> None:
    """Delta method against 2,000 repetitions of the same experiment."""
    rng = np.random.default_rng(1)
    arms = [[ratio_of_sums(moments(*drawn(rng, rate=rate))) for _ in range(2000)] for rate in (0.2, 0.25)]
    for effect in (difference, relative):
        found = [effect(ours, theirs) for ours, theirs in zip(*arms, strict=True)]
        claimed = np.sqrt(np.mean([f.variance for f in found]))
        assert claimed == pytest.approx(np.std([f.value for f in found]), rel=0.12)


def test_the_variance_is_that_of_linearised_residuals() -> None:
    y, n = drawn(np.random.default_rng(2))
    found = ratio_of_sums(moments(y, n))
    residuals = y - found.value * n
    assert found.variance == pytest.approx(200 / 199 * (residuals**2).sum() / n.sum() ** 2)
    assert found.freedom == pytest.approx(n.sum() ** 2 / (n * n).sum() - 1)


@given(st.integers(0, 50), st.floats(-0.3, 0.3))
def test_a_relative_effect_is_as_far_from_its_limit_as_the_contrast_from_zero(seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = (ratio_of_sums(moments(*drawn(rng))) for _ in range(2))
    found = relative(ours, theirs, limit)
    contrast = ours.value - (1 + limit) * theirs.value
    error = np.sqrt(ours.variance + (1 + limit) ** 2 * theirs.variance)
    assert (found.value - limit) / np.sqrt(found.variance) == pytest.approx(contrast / error)


@given(st.integers(0, 50))
def test_arms_are_treated_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = (ratio_of_sums(moments(*drawn(rng))) for _ in range(2))
    for effect in (difference, relative):
        there, back = effect(ours, theirs), effect(theirs, ours)
        assert there.value / np.sqrt(there.variance) == pytest.approx(-back.value / np.sqrt(back.variance))


@given(st.floats(0.01, 1000))
def test_a_currency_does_not_matter_to_relative_effects(factor: float) -> None:
    rng = np.random.default_rng(4)
    (y, n), (other, trials) = drawn(rng), drawn(rng)
    found = relative(ratio_of_sums(moments(y, n)), ratio_of_sums(moments(other, trials)))
    scaled = relative(ratio_of_sums(moments(factor * y, n)), ratio_of_sums(moments(factor * other, trials)))
    assert scaled.value == pytest.approx(found.value)
    assert scaled.variance == pytest.approx(found.variance)


def test_more_clusters_say_more() -> None:
    rng = np.random.default_rng(6)
    errors = [float(ratio_of_sums(moments(*drawn(rng, clusters))).variance) for clusters in (40, 160, 640)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


@pytest.mark.parametrize(
    "sums",
    [
        Moments(29, 10, 100, 20, 400, 40),
        Moments(100, 0, 0, 0, 0, 0),
        Moments(100, 0, 100, 0, 100, 0),
        Moments(100, 100, 100, 100, 100, 100),
    ],
    ids=["few clusters", "no trials", "no event", "nothing but events"],
)
def test_what_does_not_vary_says_nothing(sums: Moments) -> None:
    found = ratio_of_sums(sums)
    assert found.variance == np.inf
    assert found.information == 0
    for effect in (difference, relative):
        assert effect(found, found).variance == np.inf


def test_an_arm_without_events_has_the_least_variance_of_a_share() -> None:
    none = Moments(100, 0, 1000, 0, 10_000, 0)
    assert share_of_events(none).variance == pytest.approx(binomial_floor(none))
    assert share_of_events(Moments(29, 0, 1000, 0, 10_000, 0)).variance == np.inf


def test_a_relative_effect_on_next_to_nothing_is_unknown() -> None:
    ours = Estimate(np.array(1.0), np.array(0.01), np.array(99.0))
    nearly = Estimate(np.array(0.29), np.array(0.01), np.array(99.0))
    assert relative(ours, nearly).variance == np.inf
    assert relative(ours, Estimate(np.array(-1.0), np.array(0.01), np.array(99.0))).variance == np.inf
    assert np.isfinite(difference(ours, nearly).variance)


def test_one_heavy_cluster_speaks_for_few() -> None:
    n = np.ones(100)
    n[0] = 100.0
    assert ratio_of_sums(moments(np.arange(100.0), n)).freedom == pytest.approx(199**2 / 10_099 - 1)


@given(st.floats(0.5, 1e6), st.integers(2, 500))
def test_each_element_is_widened_by_itself(multiple: float, clusters: int) -> None:
    widened = few_degrees([multiple, np.inf, 3.0], [clusters - 1, clusters - 1, 29])
    assert widened[0] == few_degrees(multiple, clusters - 1)
    assert widened[0] >= multiple
    assert widened[2] == pytest.approx(3.28, abs=0.01)
    assert widened[1] == np.inf


def test_a_small_arm_borrows_the_error_of_the_large_one() -> None:
    """Both arms have one buyer in twenty, but the small one has seen no large purchase yet."""
    small = Moments(100, 50, 1000, 60, 10_500, 520)
    large = Moments(100, 600, 10_000, 90_000, 1_010_000, 60_500)
    own, base = ratio_of_sums(small), ratio_of_sums(large)
    mine, theirs = arms(small, large)
    assert mine.variance == pytest.approx(10 * base.variance)
    assert mine.variance > own.variance
    assert mine.freedom == base.freedom
    assert theirs == base
    assert arms(large, small)[1].variance == mine.variance
    halves = arms(large, replace(large, y=500.0))
    assert [halves[0].variance, halves[1].variance] == [base.variance, ratio_of_sums(replace(large, y=500.0)).variance]


def test_a_small_arm_that_varies_more_keeps_its_own_error() -> None:
    small, large = Moments(100, 50, 1000, 9000, 10_500, 520), Moments(100, 600, 10_000, 9000, 1_010_000, 60_500)
    assert arms(small, large)[0].variance == ratio_of_sums(small).variance


@pytest.mark.parametrize("events", [True, False])
def test_an_unknown_arm_stays_unknown(events: bool) -> None:
    nothing, large = Moments(0, 0, 0, 0, 0, 0), Moments(100, 600, 10_000, 9000, 1_010_000, 60_500)
    assert arms(nothing, large, events)[0].variance == np.inf
    assert arms(nothing, nothing, events)[1].variance == np.inf
