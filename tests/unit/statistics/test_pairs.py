"""Figures of pairs: what is counted, what little evidence says, and how often their intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from slipway.statistics.pairs import (
    Paired,
    PairedEstimate,
    block_effect,
    interval,
    mean_distance,
    rate_ratio,
    share,
)
from slipway.statistics.ratios import Moments
from slipway.statistics.sequences import few_clusters

Z = 1.959963985
DRAWS = 1000


def sums(y: NDArray[np.float64], n: NDArray[np.float64]) -> Moments:
    """Sums over the clusters in which something was counted."""
    used = (n > 0) | (y > 0)
    y, n = y[used], n[used]
    return Moments(len(n), y.sum(), n.sum(), (y * y).sum(), (n * n).sum(), (y * n).sum())


def alike(pairs: int, differing: int = 0) -> Moments:
    """Pairs of as many entities, of which the first ones differ."""
    y = np.ones(pairs)
    y[:differing] = 0
    return sums(y, np.ones(pairs))


def test_a_hundred_equal_answers_prove_little_and_ten_thousand_prove_much() -> None:
    few, many = share(Paired(alike(100))), share(Paired(alike(10_000)))
    assert few is not None
    assert many is not None
    assert few.value == many.value == 1.0
    assert interval(few, 2.8).low < 0.95
    assert interval(many, 2.8).low > 0.998


@pytest.mark.parametrize("of", [share, rate_ratio, lambda paired: mean_distance(paired, 1.0)])
def test_under_thirty_clusters_nothing_is_said(of: Callable[[Paired], PairedEstimate | None]) -> None:
    assert of(Paired(alike(29))) is None
    assert of(Paired(alike(30))) is not None
    assert of(Paired(alike(30), math.inf)) is None


def test_a_model_that_flags_nothing_has_a_ratio_of_zero_with_an_upper_end_far_below_one() -> None:
    flagged = np.ones(50)
    found = rate_ratio(Paired(sums(0 * flagged, flagged)))
    assert found is not None
    assert found.value == 0
    assert interval(found, 2.8).high == pytest.approx(2.8**2 / 50, rel=0.2)
    assert interval(found, 5).high < 0.5


def test_the_ratio_of_a_model_to_itself_is_one_and_surer_with_more_flags() -> None:
    few, many = (rate_ratio(Paired(alike(flags))) for flags in (40, 4000))
    assert few is not None
    assert many is not None
    assert few.value == many.value == 1.0
    assert interval(few, 2.8).low < 0.9 < 0.99 < interval(many, 2.8).low
    assert interval(many, 2.8).high < 1.01


def test_stable_without_a_flag_gives_no_finite_upper_end_that_could_pass() -> None:
    flagged = np.ones(40)
    found = rate_ratio(Paired(sums(flagged, 0 * flagged)))
    assert found is not None
    assert math.isinf(found.value)
    assert interval(found, 2.8).low > 2
    assert interval(found, 2.8).high == math.inf


def test_equal_scores_are_not_taken_for_certainty() -> None:
    found = mean_distance(Paired(sums(np.zeros(100), np.ones(100))), 1.0)
    assert found is not None
    assert interval(found, 2.0).high == pytest.approx(0.02)


def test_a_design_effect_widens_and_blocks_that_move_together_have_one() -> None:
    rng = np.random.default_rng(3)
    plain, widened = share(Paired(alike(1000, 100))), share(Paired(alike(1000, 100), 4.0))
    assert plain is not None
    assert widened is not None
    ends = [interval(each, 1.0) for each in (plain, widened)]
    assert ends[1].high - ends[1].low == pytest.approx(2 * (ends[0].high - ends[0].low), rel=0.05)
    rates = np.repeat(rng.beta(4, 4, 40), 50)
    y = (rng.random(2000) < rates).astype(float)
    blocks = sums(y.reshape(40, 50).sum(1), np.full(40, 50.0))
    assert block_effect(blocks, sums(y, np.ones(2000))) > 4
    assert block_effect(alike(11), alike(1000)) == math.inf


def test_calm_blocks_claim_no_less_than_independence() -> None:
    y = np.tile([1.0, 0.0], 500)
    blocks = sums(y.reshape(20, 50).sum(1), np.full(20, 50.0))
    assert block_effect(blocks, sums(y, np.ones(1000))) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=30, max_size=60),
    st.floats(0.5, 6.0),
)
def test_an_interval_holds_its_centre_within_the_scale(counts: list[tuple[int, int]], multiple: float) -> None:
    y, n = (np.array(part, float) for part in zip(*((min(a, b), b) for a, b in counts), strict=True))
    for found in (share(Paired(sums(y, n))), rate_ratio(Paired(sums(y, n)))):
        assert found is not None
        ends = interval(found, multiple)
        assert 0 <= ends.low <= found.value * (1 + 1e-9)
        assert found.value <= ends.high * (1 + 1e-9)
        assert found.kind != "Share" or ends.high <= 1
        assert interval(found, math.inf).low == 0


def pairs_of_entities(
    rng: np.random.Generator, entities: int, positive: float, swap: float
) -> tuple[NDArray[np.float64], ...]:
    """Pairs of one draw by entity: flagged by both, by the candidate, by stable, answers equal, distance, pairs.

    Each entity has a rate of its own and 1 to 8 pairs, and is one on which the models differ often or seldom.
    """
    n = rng.integers(1, 9, entities)
    rate = rng.beta(positive * 5, (1 - positive) * 5, entities)
    odd = rng.beta(swap * 5, (1 - swap) * 5, entities)
    owner = np.repeat(np.arange(entities), n)
    stable = rng.random(len(owner)) < rate[owner]
    changed = rng.random(len(owner)) < odd[owner]
    candidate = np.where(changed, ~stable & (rng.random(len(owner)) < 0.5), stable)
    apart = np.abs(rng.normal(0, 0.1, len(owner))) * (1 + 3 * odd[owner])
    parts = (stable & candidate, candidate, stable, stable == candidate, apart, np.ones(len(owner)))
    return tuple(np.bincount(owner, np.asarray(part, float), entities) for part in parts)


def figures(drawn: tuple[NDArray[np.float64], ...], effect: float = 1.0) -> dict[str, PairedEstimate | None]:
    both, ours, theirs, equal, apart, pairs = drawn
    return {
        "agreement": share(Paired(sums(equal, pairs), effect)),
        "overlap": share(Paired(sums(both, ours + theirs - both), effect)),
        "ratio": rate_ratio(Paired(sums(ours, theirs), effect)),
        "distance": mean_distance(Paired(sums(apart, pairs), effect), 1.0),
    }


@pytest.mark.long
@pytest.mark.parametrize(("entities", "positive", "swap"), [(600, 0.2, 0.15), (1500, 0.05, 0.1)])
def test_intervals_hold_the_truth_in_93_to_97_percent_of_clustered_draws(
    entities: int, positive: float, swap: float
) -> None:
    rng = np.random.default_rng(20)
    large = figures(pairs_of_entities(rng, 2_000_000, positive, swap))
    held = dict.fromkeys(large, 0)
    for _ in range(DRAWS):
        for name, found in figures(pairs_of_entities(rng, entities, positive, swap)).items():
            truth = large[name]
            assert found is not None
            assert truth is not None
            ends = interval(found, few_clusters(Z, found.clusters))
            held[name] += ends.low <= truth.value <= ends.high
    coverage = {name: count / DRAWS for name, count in held.items()}
    assert all(0.93 <= value <= 0.97 for value in coverage.values()), coverage
