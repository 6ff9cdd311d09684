"""Counts of distinct entities from two sums, and whether a measured split is the one asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.statistics.sketch import REGISTERS, Distinct, distinct
from slipway.statistics.split import agreement, mirror_agreement, mismatch_p_value


def sketch(rng: np.random.Generator, entities: int) -> tuple[int, float]:
    registers = np.zeros(REGISTERS, int)
    np.maximum.at(registers, rng.integers(0, REGISTERS, entities), rng.geometric(0.5, entities))
    taken = registers[registers > 0]
    return len(taken), float((2.0**-taken).sum())


@pytest.mark.parametrize("entities", [1, 30, 500, 2000, 2600, 5000, 50_000, 2_000_000])
def test_counts_are_unbiased_and_their_error_is_the_stated_one(entities: int) -> None:
    rng = np.random.default_rng(entities)
    draws = 60 if entities < 1_000_000 else 3
    found = [distinct(*sketch(rng, entities)) for _ in range(draws)]
    mean = np.mean([each.count for each in found])
    stated = found[0].relative_error
    assert abs(mean / entities - 1) <= 4 * stated / math.sqrt(draws) + 0.002
    spread = float(np.std([each.count for each in found])) / entities
    assert spread <= 1.5 * stated


def test_an_empty_sketch_is_nobody() -> None:
    assert distinct(0, 0.0) == Distinct(0.0, 0.0)


@pytest.mark.parametrize(("occupied", "powers"), [(-1, 0.0), (1025, 1.0), (10, 6.0), (10, -1.0), (10, 0.0)])
def test_what_no_sketch_can_be_is_refused(occupied: float, powers: float) -> None:
    with pytest.raises(ValueError, match=r"sketch|positive"):
        distinct(occupied, powers)


@given(st.floats(0, 1), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_interval_holds_the_measured_share(requested: float, ours: int, theirs: int) -> None:
    found = agreement(Distinct(ours, 0.03), Distinct(theirs, 0.03), requested)
    assert found.low <= found.observed <= found.high


@pytest.mark.parametrize(
    ("ours", "theirs", "requested", "agrees"),
    [
        (100, 1900, 0.05, True),
        (1000, 1000, 0.05, False),
        (0, 2000, 0.05, False),
        (5, 5, 0.5, None),
        (700, 1300, 0.5, False),
        (0, 29, 0.01, None),
    ],
)
def test_agreement(ours: float, theirs: float, requested: float, agrees: bool | None) -> None:
    assert agreement(Distinct(ours, 0.03), Distinct(theirs, 0.03), requested).agrees is agrees


def test_a_split_as_asked_is_called_so_in_999_of_1000_draws() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(1000):
        ours = rng.binomial(20_000, 0.05)
        counts = [Distinct(k * (1 + 0.0325 * rng.standard_normal()), 0.0325) for k in (ours, 20_000 - ours)]
        wrong += agreement(counts[0], counts[1], 0.05).agrees is not True
    assert wrong <= 5


@pytest.mark.parametrize(
    ("mirrored", "live", "requested", "agrees"),
    [(1000, 1000, 1.0, True), (0, 1000, 1.0, False), (500, 1000, 1.0, False), (250, 1000, 0.25, True),
     (1100, 1000, 1.0, True), (10, 10, 1.0, None)],
)  # fmt: skip
def test_mirrors(mirrored: float, live: float, requested: float, agrees: bool | None) -> None:
    assert mirror_agreement(mirrored, live, requested).agrees is agrees


def test_counts_scraped_at_different_moments_are_given_their_skew() -> None:
    assert mirror_agreement(900, 1000, 1.0).agrees is False
    assert mirror_agreement(900, 1000, 1.0, skew=0.1).agrees is True


def test_sample_ratio_mismatch_meets_the_published_number() -> None:
    assert mismatch_p_value([1000, 1200], [0.5, 0.5]) == pytest.approx(0.000020079, rel=1e-4)
    assert mismatch_p_value([0, 0], [0.5, 0.5]) == 1.0


@pytest.mark.parametrize(("counts", "shares"), [([1], [1]), ([1, 2], [1]), ([1, 2], [0, 1])])
def test_a_mismatch_of_nothing_is_refused(counts: list[float], shares: list[float]) -> None:
    with pytest.raises(ValueError, match=r"arms|length"):
        mismatch_p_value(counts, shares)
