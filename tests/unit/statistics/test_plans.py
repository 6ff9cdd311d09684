"""Sizes, detectable effects, days and corrections: published numbers, inverses, independent integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm
from slipway.statistics.corrections import bonferroni, dunnett, holm, sidak
from slipway.statistics.duration import Arrivals, days_until, fitted
from slipway.statistics.power import (
    Allocation,
    detectable_effect,
    entities_needed,
    fixed_power,
    mean_metric,
    pilot_metric,
    proportions_power,
    share_metric,
)
from slipway.statistics.ratios import Moments
from slipway.statistics.sequential import Design

from tests.unit.core.arms import moments


def test_power_of_two_proportions_as_published() -> None:
    assert proportions_power(-0.014, 0.015, (550, 550)) == pytest.approx(0.74156, abs=5e-6)


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
@pytest.mark.parametrize("allocation", [Allocation(), Allocation(0.05, 0.95), Allocation(0.1, 0.2)])
def test_a_fixed_test_of_the_planned_size_has_its_power(kind, allocation: Allocation) -> None:
    design, metric = Design(0.03, power=0.9), mean_metric(4.0, 6.0)
    entities = entities_needed(metric, kind, design, allocation)
    effect = 0.03 if kind == "Absolute" else 0.03 * 4
    sizes = (entities * allocation.candidate, entities * allocation.stable)
    assert fixed_power(effect, metric, metric, sizes, 0.05) == pytest.approx(0.9, abs=0.001)


@given(st.floats(0.001, 0.5), st.floats(0.01, 0.99), st.floats(1, 5), st.floats(1, 2))
def test_size_and_detectable_effect_are_inverse(effect: float, share: float, clumping: float, inflation: float) -> None:
    design, metric = Design(effect), share_metric(share, clumping)
    entities = entities_needed(metric, "Relative", design, inflation=inflation)
    found = detectable_effect(metric, "Relative", design, entities, inflation=inflation)
    assert found == pytest.approx(effect, rel=1 / entities + 1e-9)
    assert entities_needed(metric, "Relative", Design(effect * 1.1), inflation=inflation) <= entities
    assert entities_needed(share_metric(share, clumping * 2), "Relative", design) >= entities / inflation


def test_a_pilot_carries_its_design_effect() -> None:
    """20 correlated rows for each of 5,000 entities: as much as an entity's own mean varies, not its rows."""
    rng = np.random.default_rng(3)
    rows, cluster = 20, rng.integers(256, size=5000)
    events = rng.binomial(rows, rng.beta(1, 4, 5000))
    y, n = np.bincount(cluster, events, minlength=256), np.bincount(cluster, minlength=256) * float(rows)
    metric = pilot_metric(moments(y, n), 5000)
    assert metric.mean == pytest.approx(0.2, abs=0.01)
    assert metric.deviation == pytest.approx((events / rows).std(), rel=0.12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: share_metric(0), "share"),
        (lambda: mean_metric(1, 0), "deviation"),
        (lambda: mean_metric(1, 1, 0.5), "design effect"),
        (lambda: mean_metric(0, 1).variance("Relative"), "use Absolute"),
        (lambda: pilot_metric(Moments(3, 1, 1, 1, 1, 1), 10), "30 occupied clusters"),
        (lambda: Allocation(0.7, 0.5), "arms"),
        (lambda: detectable_effect(mean_metric(1, 1), "Absolute", Design(1), 0), "entities"),
        (lambda: proportions_power(0.5, 0.9, (10, 10)), "shares"),
        (lambda: fitted([1, 2]), "cumulative"),
        (lambda: fitted([3, 2, 4]), "cumulative"),
        (lambda: days_until(Arrivals(1), 1, 0), "limit"),
        (lambda: bonferroni(0.05, 0), "claims"),
        (lambda: sidak(1.5, 2), "alpha"),
        (lambda: holm([0.5, 2]), "p-values"),
        (lambda: dunnett(0.05, [1, -1], 1), "positive"),
    ],
)
def test_bad_input_is_named(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("truth", [Arrivals(500), Arrivals(120, 9000, 4.0), Arrivals(0, 20_000, 2.0)])
def test_arrivals_are_found_again(truth: Arrivals) -> None:
    seen = fitted([truth.distinct(day) for day in range(1, 15)])
    for days in (7, 14, 28):
        assert seen.distinct(days) == pytest.approx(truth.distinct(days), rel=0.02)


def test_new_entities_take_as_long_as_they_take() -> None:
    found = days_until(Arrivals(1000), 14_000, 28)
    assert found.days == pytest.approx(14)
    assert not found.saturated
    assert found.reachable == 28_000


def test_a_pool_of_old_entities_is_soon_used_up() -> None:
    regulars = Arrivals(10, 5000, 2.0)
    assert days_until(regulars, 4000, 28).days == pytest.approx(3.16, abs=0.05)
    never = days_until(regulars, 6000, 28)
    assert never.days is None
    assert never.saturated
    assert never.reachable == pytest.approx(5280, abs=1)


@given(st.floats(0, 1000), st.floats(1, 1e5), st.floats(0.2, 30), st.floats(1, 28))
def test_the_days_bring_the_entities(fresh: float, pool: float, turnover: float, days: float) -> None:
    arrivals = Arrivals(fresh, pool, turnover)
    found = days_until(arrivals, arrivals.distinct(days) * (1 - 1e-9), 28)
    assert found.days is not None
    assert arrivals.distinct(found.days) == pytest.approx(arrivals.distinct(days), rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_step_down_of_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for own, found in zip(p_values, adjusted, strict=True):
        assert own <= found <= min(1, len(p_values) * own) + 1e-12
    for alpha in (0.01, 0.05, 0.2):
        held, left = set(), sorted(range(len(p_values)), key=p_values.__getitem__)
        for rank, claim in enumerate(left):
            if p_values[claim] * (len(left) - rank) > alpha:
                break
            held.add(claim)
        assert {k for k, p in enumerate(adjusted) if p <= alpha} == held


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("arms", [[1.0], [1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 0.5]])
def test_dunnett_is_the_multivariate_normal_integral(arms: list[float], two_sided: bool) -> None:
    critical = dunnett(0.05, arms, 1.0, two_sided)
    load = np.sqrt(np.array(arms) / (np.array(arms) + 1))
    correlation = np.outer(load, load)
    np.fill_diagonal(correlation, 1)
    law = multivariate_normal(np.zeros(len(arms)), correlation, abseps=1e-6, maxpts=300_000, seed=1)
    low = np.full(len(arms), -critical if two_sided else -np.inf)
    assert law.cdf(np.full(len(arms), critical), lower_limit=low) == pytest.approx(0.95, abs=1e-5)


def test_corrections_in_their_order() -> None:
    """For three arms: Dunnett asks least, then Šidák, then Bonferroni; one claim needs none."""
    asked = [dunnett(0.05, [1, 1, 1], 1), norm.isf(sidak(0.05, 3) / 2), norm.isf(bonferroni(0.05, 3) / 2)]
    assert asked == sorted(asked)
    assert bonferroni(0.05, 1) == 0.05
    assert sidak(0.05, 1) == pytest.approx(0.05)
    assert dunnett(0.05, [1], 1) == pytest.approx(norm.isf(0.025))
    assert math.isclose((1 - sidak(0.05, 3)) ** 3, 0.95)
