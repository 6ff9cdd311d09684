"""Boundaries and crossing probabilities against multivariate normal integrals and simulation, not against tables."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm
from slipway.statistics.crossing import START, advance, crossing, surviving, walk
from slipway.statistics.group_sequential import (
    boundaries,
    inflation,
    obrien_fleming,
    pocock,
    power,
    power_family,
    repeated_interval,
)
from slipway.statistics.sequential import Design

SPENDINGS = [obrien_fleming, pocock, power_family(1), power_family(3)]
EQUAL = [0.2, 0.4, 0.6, 0.8, 1.0]


def inside(times: list[float], bounds: list[float], drift: float = 0.0) -> float:
    """Probability that |z| stays within the bounds at all looks: Genz's integral of scipy, another algorithm."""
    t = np.asarray(times)
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    top, shift = np.asarray(bounds), drift * np.sqrt(t)
    law = multivariate_normal(np.zeros(len(t)), correlation, abseps=1e-6, maxpts=300_000, seed=1)
    return float(law.cdf(top - shift, lower_limit=-top - shift))


@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("times", [[1.0], [0.5, 1.0], [0.1, 0.35, 0.7, 1.0], EQUAL])
def test_surviving_is_the_multivariate_normal_integral(times: list[float], drift: float) -> None:
    bounds = [2.4 - 0.1 * k for k in range(len(times))]
    paths = walk(times, [-bound for bound in bounds], bounds)
    assert surviving(paths[-1], drift) == pytest.approx(inside(times, bounds, drift), abs=1e-5)


def test_a_constant_boundary_of_five_equal_looks_is_the_one_that_misses_in_five_percent() -> None:
    """Pocock's constant: found from the recursion, checked by the other integral and by simulation."""
    low, high = 2.0, 3.0
    for _ in range(40):
        middle = (low + high) / 2
        missed = 1 - surviving(walk(EQUAL, [-middle] * 5, [middle] * 5)[-1])
        low, high = (middle, high) if missed > 0.05 else (low, middle)
    assert 1 - inside(EQUAL, [low] * 5) == pytest.approx(0.05, abs=1e-5)
    z = np.random.default_rng(3).standard_normal((200_000, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    assert (np.abs(z) > low).any(axis=1).mean() == pytest.approx(0.05, abs=0.0015)


@pytest.mark.parametrize("spending", SPENDINGS)
@pytest.mark.parametrize("times", [EQUAL, [0.13, 0.4, 0.41, 1.0]])
def test_each_look_spends_what_it_may(spending, times: list[float]) -> None:
    bounds = boundaries(times, 0.025, spending)
    for k, at in enumerate(times, 1):
        crossed = (1 - inside(times[:k], bounds[:k])) / 2
        assert crossed == pytest.approx(0.025 if at == 1 else spending(at, 0.025), abs=1e-5)


@given(st.sampled_from(SPENDINGS), st.floats(0.02, 1.1), st.floats(-2.5, -0.5))
@example(spending=SPENDINGS[0], first=0.25, gap=math.log10(0.0015))
def test_a_look_soon_after_another_spends_what_two_dimensions_say(spending, first: float, gap: float) -> None:
    """Against adaptive quadrature over the first look."""
    times = [first, first + 10**gap]
    low, high = boundaries(times, 0.025, spending, final=True)
    near, far, step = math.sqrt(times[0]), high * math.sqrt(times[1]), 10 ** (gap / 2)
    kink = [far / near] if far / near < low else None
    second, _ = quad(lambda z: norm.pdf(z) * norm.sf((far - z * near) / step), -low, low, points=kink, limit=500)
    assert norm.sf(low) + second == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("spending", SPENDINGS)
@given(st.lists(st.floats(0.02, 1.2), min_size=1, max_size=6, unique=True), st.sampled_from([0.025, 0.005]))
@settings(max_examples=30, deadline=None)
def test_no_schedule_of_looks_spends_more_than_the_error(spending, times: list[float], tail: float) -> None:
    times = sorted(times)
    if any(b - a < 1e-3 for a, b in pairwise(times)):
        times = times[:1]
    bounds = boundaries(times, tail, spending, final=True)
    spent = power(times, bounds, 0.0)
    assert spent[-1] == pytest.approx(tail, rel=1e-4)
    assert all(bound >= norm.isf(tail) - 1e-6 for bound in bounds)


def test_a_boundary_depends_on_the_past_only() -> None:
    assert boundaries(EQUAL, 0.025, pocock)[:3] == pytest.approx(boundaries([0.2, 0.4, 0.6, 0.77], 0.025, pocock)[:3])


def test_one_look_is_a_fixed_test() -> None:
    design = Design(0.1)
    assert boundaries([1.0], 0.025, pocock) == pytest.approx([norm.isf(0.025)], abs=1e-6)
    assert inflation([1.0], obrien_fleming, design) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("spending", SPENDINGS)
def test_the_inflated_plan_has_its_power(spending) -> None:
    design = Design(0.1, power=0.9)
    factor, bounds = inflation(EQUAL, spending, design), boundaries(EQUAL, design.tail, spending)
    drift = design.drift * math.sqrt(factor)
    assert power(EQUAL, bounds, drift)[-1] == pytest.approx(0.9, abs=1e-4)
    rng, steps = np.random.default_rng(5), np.sqrt(np.diff([0, *EQUAL]))
    scores = (rng.standard_normal((100_000, 5)) * steps).cumsum(axis=1) + drift * np.asarray(EQUAL)
    assert (scores / np.sqrt(EQUAL) > bounds).any(axis=1).mean() == pytest.approx(0.9, abs=0.004)
    assert 1 < factor < 1.35


def test_spending_early_costs_more_in_the_end() -> None:
    design = Design(0.1)
    late, early = (inflation(EQUAL, spending, design) for spending in (obrien_fleming, pocock))
    assert late < 1.04 < early


def test_repeated_intervals_hold_the_truth_at_all_looks_together() -> None:
    bounds = boundaries(EQUAL, 0.025, obrien_fleming)
    rng, t = np.random.default_rng(9), np.asarray(EQUAL)
    values = 0.7 + (rng.standard_normal((50_000, 5)) * np.sqrt(0.2)).cumsum(axis=1) / t
    ends = [repeated_interval(values[:, k], 1 / math.sqrt(t[k]), bounds[k]) for k in range(5)]
    held = np.all([(low <= 0.7) & (high >= 0.7) for low, high in ends], axis=0)
    assert held.mean() == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize("times", [[], [0.5, 0.5], [0.5, 0.4], [0.0, 1.0], [-0.1]])
def test_illegal_schedules_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        boundaries(times, 0.025, pocock)


def test_a_plan_that_does_not_end_is_refused() -> None:
    with pytest.raises(ValueError, match="fraction 1"):
        inflation([0.5, 0.9], pocock, Design(0.1))
    with pytest.raises(ValueError, match="exponent"):
        power_family(0)
    with pytest.raises(ValueError, match="information"):
        advance(START, 0.0, -1, 1)


def test_crossing_a_first_look_is_a_normal_tail() -> None:
    assert crossing(START, 0.5, 1.3, 0.8) == pytest.approx(norm.sf(1.3 - 0.8 * math.sqrt(0.5)), abs=1e-12)
