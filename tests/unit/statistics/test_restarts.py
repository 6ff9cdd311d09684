"""Evidence that begins anew, by accident or by somebody who chooses when: false promotions stay within alpha."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.sequential import after_restarts

from tests.bench_decisions.__main__ import LARGEST_FALSE_PROMOTION, upper
from tests.bench_decisions.restarts import ADVERSARIES, LOOKS, METHODS, Adversary, fresh, promoted

RUNS = 3000


@given(st.floats(0.001, 0.2), st.integers(0, 500))
def test_all_restarts_together_have_half_of_alpha_once_more(alpha: float, restarts: int) -> None:
    shares = [after_restarts(alpha, each) for each in range(restarts + 1)]
    assert shares[0] == alpha
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1.5 * alpha


def test_a_negative_number_of_restarts_is_refused() -> None:
    with pytest.raises(ValueError, match="restarts"):
        after_restarts(0.05, -1)


@pytest.mark.long
@pytest.mark.parametrize("adversary", ADVERSARIES, ids=lambda each: each.name)
def test_nobody_gets_more_false_promotions_by_beginning_anew(adversary: Adversary) -> None:
    steps = np.random.default_rng(5).standard_normal((RUNS, LOOKS))
    for method in METHODS.values():
        share = promoted(method, adversary, after_restarts, steps)
        assert upper(share, RUNS) <= LARGEST_FALSE_PROMOTION


@pytest.mark.long
def test_with_all_of_alpha_each_time_they_would() -> None:
    steps = np.random.default_rng(5).standard_normal((RUNS, LOOKS))
    for method in METHODS.values():
        worst = max(promoted(method, each, fresh, steps) for each in ADVERSARIES)
        assert worst > LARGEST_FALSE_PROMOTION
