"""Confidence sequences: their formula, their coverage under continuous looks, and their price."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.sequences import boundary, few_clusters, tuned_rho


def test_the_formula_at_the_planned_size() -> None:
    rho2 = tuned_rho(1000, 0.05) ** 2
    expected = math.sqrt(2 * (1000 * rho2 + 1) / (1000 * rho2) * math.log(math.sqrt(1000 * rho2 + 1) / 0.05))
    assert boundary(1000, 1000, 0.05) == pytest.approx(expected)
    assert 2.9 < boundary(1000, 1000, 0.05) < 3.1


@pytest.mark.parametrize(("planned", "alpha"), [(0, 0.05), (10, 0), (10, 1)])
def test_an_illegal_plan_is_refused(planned: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="planned"):
        tuned_rho(planned, alpha)


def test_before_the_first_observation_nothing_is_known() -> None:
    assert boundary(0, 100, 0.05) == math.inf
    assert few_clusters(math.inf, 100) == math.inf
    assert few_clusters(3.0, 1) == math.inf


def test_rho_is_tuned_to_the_planned_size() -> None:
    at_plan = boundary(1000, 1000, 0.05)
    assert all(boundary(1000, other, 0.05) >= at_plan for other in (10, 100, 10_000, 100_000))


def test_few_clusters_widen_and_many_do_not() -> None:
    assert few_clusters(3.0, 30) == pytest.approx(3.28, abs=0.01)
    assert few_clusters(3.0, 100_000) == pytest.approx(3.0, abs=0.001)


@given(st.floats(0.5, 1e6), st.floats(1, 2), st.integers(2, 10_000))
def test_a_wider_multiple_is_never_widened_to_less(multiple: float, factor: float, clusters: int) -> None:
    """A tail that a float cannot hold gave minus infinity, which turned an interval around: every gate breached."""
    assert multiple <= few_clusters(multiple, clusters) <= few_clusters(multiple * factor, clusters)


def test_coverage_holds_at_every_look_of_a_null_stream() -> None:
    """2,000 streams of 2,000 values, looked at after each from the 100th on: nominal 5%, asymptotic from there."""
    rng = np.random.default_rng(7)
    n = np.arange(1, 2001)
    sums = rng.standard_normal((2000, 2000)).cumsum(axis=1)
    limits = np.array([boundary(float(k), 1000, 0.05) for k in n]) * np.sqrt(n)
    wrong = (np.abs(sums[:, 100:]) > limits[100:]).any(axis=1).mean()
    assert wrong <= 0.05


def test_the_naive_test_peeks_itself_into_false_positives() -> None:
    """The published trap: hourly looks over 14 days at a nominal 5% end near 47%, daily ones near 22%."""
    rng = np.random.default_rng(11)
    hourly = rng.standard_normal((4000, 14 * 24)).cumsum(axis=1) / np.sqrt(np.arange(1, 14 * 24 + 1))
    assert (np.abs(hourly) > 1.96).any(axis=1).mean() == pytest.approx(0.47, abs=0.04)
    assert (np.abs(hourly[:, 23::24]) > 1.96).any(axis=1).mean() == pytest.approx(0.22, abs=0.03)
