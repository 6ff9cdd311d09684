"""The sequential sample ratio test: its martingale by enumeration, its alarms by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.sample_ratio import ALARM, discounted, log_bayes_factor, sequential_p_value
from slipway.statistics.sketch import Distinct


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.5, 0.3, 0.2)])
def test_the_bayes_factor_is_a_martingale(shares: tuple[float, ...]) -> None:
    """Mean one over all sequences of six entities, each weighted by its probability."""
    mean = 0.0
    for sequence in itertools.product(range(len(shares)), repeat=6):
        counts = [sequence.count(arm) for arm in range(len(shares))]
        mean += math.prod(shares[arm] for arm in sequence) * math.exp(log_bayes_factor(counts, shares, 3.0))
    assert mean == pytest.approx(1)


def test_two_arms_are_a_ratio_of_beta_functions() -> None:
    counts, c = (7, 3), 10.0
    beta = math.lgamma(12) + math.lgamma(8) - math.lgamma(20) - 2 * math.lgamma(5) + math.lgamma(10)
    assert log_bayes_factor(counts, (0.5, 0.5), c) == pytest.approx(beta - 10 * math.log(0.5))


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_and_the_scale_of_shares_do_not_matter(counts: list[int], random) -> None:
    shares = [random.uniform(0.1, 1) for _ in counts]
    order = random.sample(range(len(counts)), len(counts))
    p = sequential_p_value(counts, shares)
    assert 0 <= p <= 1
    assert sequential_p_value([counts[k] for k in order], [7 * shares[k] for k in order]) == pytest.approx(p)


def test_an_alarm_is_not_forgotten() -> None:
    assert sequential_p_value((5000, 5000), (1, 1), previous=1e-4) == 1e-4
    assert sequential_p_value((0, 0), (1, 1)) == 1


@pytest.mark.parametrize(
    ("counts", "alarms"),
    [((1000, 1200), True), ((1000, 1060), False), ((50_500, 49_500), False), ((51_000, 49_000), True)],
)
def test_gross_mismatches_alarm(counts: tuple[int, int], alarms: bool) -> None:
    assert (sequential_p_value(counts, (0.5, 0.5)) < ALARM) is alarms


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.99, 0.01), (0.5, 0.3, 0.2)])
def test_false_alarms_stay_below_the_level_at_all_looks_together(shares: tuple[float, ...]) -> None:
    """400 assignments of 10,000 entities, asked after every hundredth, at 5%."""
    rng = np.random.default_rng(2)
    counts = rng.multinomial(100, shares, size=(400, 100)).cumsum(axis=1)
    alarmed = sum(any(sequential_p_value(look, shares) < 0.05 for look in run) for run in counts)
    assert alarmed / 400 <= 0.05


def test_sketches_raise_no_false_alarms_and_are_heard() -> None:
    """Estimates of 1024 registers err by 3%: plain counts of a million alarm, discounted ones do not."""
    rng, error = np.random.default_rng(4), 1.04 / 32
    plain = heard = 0
    for _ in range(500):
        counts = 500_000 * (1 + error * rng.standard_normal(2))
        plain += sequential_p_value(counts, (1, 1)) < ALARM
        heard += sequential_p_value(discounted([Distinct(c, error) for c in counts], (1, 1)), (1, 1)) < ALARM
    assert plain > 250
    assert heard <= 1
    off = [Distinct(600_000, error), Distinct(400_000, error)]
    assert sequential_p_value(discounted(off, (1, 1)), (1, 1)) < ALARM


@given(st.lists(st.floats(1, 1e7), min_size=2, max_size=4), st.floats(0, 0.1))
def test_discounting_keeps_proportions_and_never_adds(counts: list[float], error: float) -> None:
    found = discounted([Distinct(count, error) for count in counts], [1.0] * len(counts))
    factors = [less / count for less, count in zip(found, counts, strict=True)]
    assert factors == pytest.approx([factors[0]] * len(counts))
    assert factors[0] <= 1
    if error == 0:
        assert factors[0] == 1


@pytest.mark.parametrize(
    ("counts", "shares"),
    [((1,), (1,)), ((1, 2), (1, 1, 1)), ((1, 2), (1, 0)), ((-1, 2), (1, 1)), ((1, math.nan), (1, 1))],
)
def test_illegal_arms_are_refused(counts: tuple[float, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares"):
        sequential_p_value(counts, shares)


def test_nothing_seen_is_nothing_discounted() -> None:
    assert discounted([Distinct(0, 0), Distinct(0, 0)], (1, 1)) == [0, 0]
