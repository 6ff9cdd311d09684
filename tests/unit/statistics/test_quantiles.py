"""The bounds of a quantile hold as often as they say, and by the binomial law of scipy."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from slipway.statistics.quantiles import excess, interval, ranks

SHARES = st.sampled_from([0.5, 0.9, 0.95, 0.99])
ALPHAS = st.sampled_from([0.001, 0.0167, 0.05])


@settings(deadline=None)
@given(st.integers(0, 600), SHARES, ALPHAS)
def test_the_ranks_are_the_tightest_that_the_binomial_law_allows(size: int, share: float, alpha: float) -> None:
    low, high = ranks(size, share, alpha)
    law = binom(size, share)
    assert low == 0 or law.cdf(low - 1) <= alpha * (1 + 1e-9)
    assert low == size or law.cdf(low) > alpha * (1 - 1e-9)
    assert high == size + 1 or law.sf(high - 1) <= alpha * (1 + 1e-9)
    assert high == 0 or law.sf(high - 2) > alpha * (1 - 1e-9)


@given(st.lists(st.floats(0, 10), max_size=300), SHARES, st.floats(0, 10))
def test_excess_says_before_all_is_measured_what_the_interval_says_after(
    values: list[float], share: float, limit: float
) -> None:
    over = sum(value > limit for value in values)
    low, _ = interval(sorted(values), share, 0.0167)
    if values:
        assert (low > limit) == (over >= excess(len(values), share, 0.0167))


def test_few_values_bound_nothing_above() -> None:
    assert interval([0.001] * 407, 0.99, 0.05 / 3) == (0.001, math.inf)
    assert interval([0.001] * 408, 0.99, 0.05 / 3)[1] == 0.001
    assert interval([], 0.5, 0.05) == (0.0, math.inf)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_interval_misses_the_quantile_of_an_exponential_as_rarely_as_it_says(share: float) -> None:
    dice, truth, alpha = random.Random(7), -math.log(1 - share), 0.05
    low = high = 0
    for _ in range(1000):
        found = interval(sorted(dice.expovariate(1.0) for _ in range(200)), share, alpha)
        low, high = low + (found[0] > truth), high + (found[1] < truth)
    assert low <= 75, "five percent, and what chance adds in a thousand"
    assert high <= 75
