"""A share of clustered trials: how often its interval holds the truth, what it finds, and that more is never less."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.proportions import SEPARATING_TRIALS, SIGNIFICANCE, clustered_share, design_effect
from slipway.statistics.ratios import Moments

from tests.unit.statistics.test_pairs import sums

DRAWS = 1000


def single(events: int, trials: int) -> Moments:
    """Each trial is a cluster of its own."""
    return Moments(trials, events, trials, events, trials, events)


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
@pytest.mark.parametrize("per_entity", [1, 5, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(share: float, per_entity: int) -> None:
    rng = np.random.default_rng(per_entity)
    held = 0
    for _ in range(DRAWS):
        of_entity = rng.beta(4 * share, 4 * (1 - share), 120)  # correlation 0.2 within an entity
        n = rng.integers(1, 2 * per_entity, 120).astype(float)
        y = rng.binomial(n.astype(int), of_entity).astype(float)
        found = clustered_share(sums(y, n), significance=0.025)
        assert found is not None
        held += found.low <= share <= found.high
    assert 0.93 <= held / DRAWS <= 0.975


def test_a_fall_from_85_to_60_percent_is_found_with_48_trials_and_one_of_85_is_not_called_a_fall() -> None:
    """Exact, by the binomial law. The size exceeds the nominal 0.1%: Wilson's tail is that of the normal law."""
    log_of = [math.lgamma(n + 1) for n in range(SEPARATING_TRIALS + 1)]

    def called(share: float) -> float:
        total = 0.0
        for events in range(SEPARATING_TRIALS + 1):
            found = clustered_share(single(events, SEPARATING_TRIALS))
            if found is not None and found.high < 0.85:
                choices = log_of[-1] - log_of[events] - log_of[SEPARATING_TRIALS - events]
                total += math.exp(
                    choices + events * math.log(share) + (SEPARATING_TRIALS - events) * math.log(1 - share)
                )
        return total

    assert called(0.6) >= 0.9
    assert called(0.85) <= 5 * SIGNIFICANCE


@given(y=st.integers(0, 200), more=st.integers(0, 200), times=st.integers(2, 9))
def test_more_of_the_same_narrows_and_more_events_raise_both_ends(y: int, more: int, times: int) -> None:
    n = 200 + more
    found, repeated = clustered_share(single(y, n)), clustered_share(single(times * y, times * n))
    assert found is not None
    assert repeated is not None
    assert found.low <= y / n <= found.high
    assert repeated.high - repeated.low < found.high - found.low
    further = clustered_share(single(y + 1, n))
    assert further is not None
    assert further.low > found.low or found.low == further.low == 0
    assert further.high > found.high or found.high == further.high == 1


@given(effect=st.floats(1, 20), wider=st.floats(1.01, 5))
def test_a_larger_effect_is_never_narrower(effect: float, wider: float) -> None:
    found, other = clustered_share(single(120, 200), effect), clustered_share(single(120, 200), effect * wider)
    assert found is not None
    assert other is not None
    assert other.low < found.low
    assert other.high > found.high


def test_what_proves_nothing_says_nothing() -> None:
    assert clustered_share(single(20, 29)) is None
    assert clustered_share(Moments(0, 0, 0, 0, 0, 0)) is None
    assert clustered_share(single(20, 48), math.inf) is None


def test_forty_wrong_answers_of_one_entity_each_weigh_as_entities() -> None:
    """All alike: nobody can see the correlation, so each entity counts once."""
    found = clustered_share(sums(np.zeros(40), np.full(40, 10.0)))
    single_ones = clustered_share(single(0, 40))
    assert design_effect(sums(np.zeros(40), np.full(40, 10.0))) == 10
    assert found is not None
    assert single_ones is not None
    assert found.high >= single_ones.high
