"""Sequences in information: formulas, laws, published horizons, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from slipway.statistics.crossing import START, crossing, walk
from slipway.statistics.estimates import Estimate
from slipway.statistics.first_passage import closing_bound, passage
from slipway.statistics.horizon import horizon
from slipway.statistics.sequences import always_valid_p_value, boundary, one_sided_boundary
from slipway.statistics.sequential import MINIMUM_FRACTION, Design, bounds, interval, radius

DESIGN = Design(0.1)
FEW_LOOKS = 28
SURE = np.array(1e9)


def estimate(value: float, information: float, freedom: float = 1e9) -> Estimate:
    return Estimate(np.array(value), np.array(1 / information), np.array(freedom))


def test_the_planned_information_is_that_of_a_fixed_test() -> None:
    z = norm.isf(0.025) + norm.ppf(0.8)
    assert DESIGN.drift == pytest.approx(z)
    assert DESIGN.information == pytest.approx((z / 0.1) ** 2)
    assert Design(0.1, two_sided=False).drift == pytest.approx(norm.isf(0.05) + norm.ppf(0.8))


@given(st.floats(0.03, 50), st.floats(0.001, 0.2))
def test_the_radius_is_the_boundary_of_the_paper(fraction: float, alpha: float) -> None:
    at = np.array(fraction)
    assert radius(at, Design(1.0, alpha)) == pytest.approx(boundary(fraction, 1.0, alpha))
    assert radius(at, Design(1.0, alpha, two_sided=False)) == pytest.approx(one_sided_boundary(fraction, 1.0, alpha))


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0.001, 0.05))
def test_one_sided_is_hardly_wider_than_two_sided_of_twice_the_error(seen: float, planned: float, alpha: float) -> None:
    one, two = one_sided_boundary(seen, planned, alpha), boundary(seen, planned, 2 * alpha)
    assert two < one < two * 1.1


@given(st.floats(0, 6), st.floats(0.05, 20))
def test_p_value_and_interval_agree(z: float, fraction: float) -> None:
    p = always_valid_p_value(z, fraction, 1.0, 0.05)
    assert (p < 0.05) == (z > boundary(fraction, 1.0, 0.05) * (1 + 1e-12)) or p == pytest.approx(0.05)
    assert always_valid_p_value(-z, fraction, 1.0, 0.05) == p
    assert always_valid_p_value(z, 0, 1.0, 0.05) == 1


@given(st.floats(-1, 1), st.floats(100, 1e5), st.floats(1.1, 10), st.floats(30, 300))
def test_more_information_is_never_wider(value: float, information: float, more: float, freedom: float) -> None:
    low, high = bounds(estimate(value, information, freedom), DESIGN)
    later_low, later_high = bounds(estimate(value, information * more, freedom), DESIGN)
    assert later_high - later_low <= (high - low) * (1 + 1e-9)
    assert low <= value <= high
    mirrored = bounds(estimate(-value, information, freedom), DESIGN)
    assert mirrored[0] == pytest.approx(-high)
    assert mirrored[1] == pytest.approx(-low)


def test_at_first_nothing_is_known() -> None:
    early = estimate(1.0, MINIMUM_FRACTION * DESIGN.information * 0.99)
    assert bounds(early, DESIGN) == (-math.inf, math.inf)
    assert bounds(Estimate(np.array(np.nan), np.array(np.inf), np.array(0.0)), DESIGN) == (-math.inf, math.inf)
    assert bounds(estimate(1.0, 1e4, freedom=0.5), DESIGN) == (-math.inf, math.inf)


@pytest.mark.parametrize("fields", [{"effect": 0}, {"alpha": 0.5}, {"alpha": 0}, {"power": 0.05}, {"power": 1}])
def test_an_impossible_design_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"effect|alpha"):
        Design(**{"effect": 0.1, **fields})


def test_the_published_horizons() -> None:
    """1.65 with hourly looks, 1.78 with daily ones, mean stop 1.2, of a simulation; integrated here."""
    hourly, daily = horizon(DESIGN, 14 * 24), horizon(DESIGN, 14)
    assert hourly.inflation == pytest.approx(1.65, abs=0.01)
    assert daily.inflation == pytest.approx(1.78, abs=0.025)
    assert daily.mean_stop == pytest.approx(1.2, abs=0.08)
    assert hourly.mean_stop < daily.mean_stop
    assert daily.false_promotion < hourly.false_promotion < 0.025


@pytest.mark.parametrize("closing", [False, True])
def test_the_horizon_has_its_power_by_simulation(closing: bool) -> None:
    found = horizon(DESIGN, FEW_LOOKS, closing)
    times = found.inflation * np.arange(1, FEW_LOOKS + 1) / FEW_LOOKS
    multiples = radius(times, DESIGN)
    if closing:
        multiples[-1] = closing_bound(found.inflation, DESIGN)
    rng = np.random.default_rng(8)
    paths = (rng.standard_normal((100_000, FEW_LOOKS)) * math.sqrt(times[0])).cumsum(axis=1)
    wrong = (paths / np.sqrt(times) > multiples).any(axis=1).mean()
    right = (paths + DESIGN.drift * times) / np.sqrt(times) > multiples
    stop = np.where(right.any(axis=1), right.argmax(axis=1), FEW_LOOKS - 1)
    assert wrong == pytest.approx(found.false_promotion, abs=0.0015)
    assert right.any(axis=1).mean() == pytest.approx(0.8, abs=0.004)
    assert times[stop].mean() == pytest.approx(found.mean_stop, rel=0.01)


def test_a_closing_interval_spends_the_error_of_one_that_was_watched_all_the_time() -> None:
    few = horizon(DESIGN, FEW_LOOKS, closing=True)
    assert 0.02 < few.false_promotion < 0.025
    assert few.inflation < 1.1
    for fraction in (0.001, 0.0201, 0.3, 1.0, 3.0):
        bound = closing_bound(fraction, DESIGN)
        assert norm.isf(0.025) - 1e-9 <= bound <= radius(np.array(fraction), DESIGN)


@pytest.mark.parametrize(("alpha", "two_sided"), [(0.05, True), (0.025, True), (0.05, False)])
def test_the_first_passage_is_what_the_recursion_over_looks_tends_to(alpha: float, two_sided: bool) -> None:
    design, spent = Design(0.1, alpha, two_sided=two_sided), []
    for looks in (16, 64, 256):
        times = np.arange(1, looks + 1) / looks
        bounds = np.minimum(radius(times, design), 37.0)
        low = -bounds if two_sided else np.full(looks, -37.0)
        paths = [START, *walk(times[:-1].tolist(), low[:-1].tolist(), bounds[:-1].tolist())]
        spent.append(sum(crossing(*step) for step in zip(paths, times, bounds, strict=True)))
    found = passage(1.0, design).spent
    assert spent[0] < spent[1] < spent[2] < found < design.tail
    steps = found - np.array(spent)
    assert steps[2] < steps[1] < steps[0]
    assert steps[2] == pytest.approx(steps[1] / 2, rel=0.35), "a look misses as much as its step is wide, by its root"


def test_a_passage_needs_a_sequence_that_has_opened() -> None:
    with pytest.raises(ValueError, match="opens"):
        passage(MINIMUM_FRACTION, DESIGN)


def test_no_look_is_no_horizon() -> None:
    with pytest.raises(ValueError, match="looks"):
        horizon(DESIGN, 0)


def test_an_interval_widens_for_few_degrees() -> None:
    wide, narrow = (interval(estimate(0, 100, freedom), np.array(3.0)) for freedom in (30, 1e9))
    assert narrow[1] == pytest.approx(0.3)
    assert wide[1] > 1.05 * narrow[1]


def test_coverage_when_old_entities_return() -> None:
    """Half of the noise is of entities that stay: the score moves in information, which saturates, not in requests."""
    rng = np.random.default_rng(12)
    runs, looks = 2000, 100
    frozen = rng.standard_normal((runs, 1))
    passing = rng.standard_normal((runs, looks)).cumsum(axis=1) / np.arange(1, looks + 1) * math.sqrt(looks)
    variance = np.broadcast_to(1 + looks / np.arange(1, looks + 1), (runs, looks))
    noise = Estimate(frozen + passing, variance, np.broadcast_to(SURE, variance.shape))
    low, high = bounds(noise, Design(2.0))
    assert ((low > 0) | (high < 0)).any(axis=1).mean() <= 0.05
