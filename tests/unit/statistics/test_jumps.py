"""The test behind the fast alarm: exact against another implementation, its errors by simulation, its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom
from slipway.statistics.jumps import ALPHA, Sample, chance, is_far

CLAIMS = 12
"""Six windows of two classes."""


@st.composite
def samples(draw: st.DrawFn, least: int = 0, most: int = 3000) -> Sample:
    trials = draw(st.integers(least, most))
    return Sample(draw(st.integers(0, trials)), trials)


@given(samples(), samples())
def test_it_is_fishers_test(now: Sample, then: Sample) -> None:
    together, trials = now.events + then.events, now.trials + then.trials
    exact = float(hypergeom.sf(now.events - 1, trials, together, now.trials)) if now.events else 1.0
    if now.events * trials > now.trials * together:
        assert chance(now, then) == pytest.approx(exact, rel=1e-6, abs=1e-300)
    else:
        assert chance(now, then) == 1.0


@given(samples(), samples())
def test_more_events_are_never_more_probable(now: Sample, then: Sample) -> None:
    assert 0 <= chance(now, then) <= 1
    if now.events < now.trials:
        assert chance(Sample(now.events + 1, now.trials), then) <= chance(now, then) * (1 + 1e-9)


@given(samples(least=1), samples(least=1))
def test_a_rise_and_a_fall_are_not_both_far(now: Sample, then: Sample) -> None:
    up = is_far(now.share, then.share)
    down = is_far(now.other().share, then.other().share)
    assert not (up and down)
    assert not is_far(now.share, now.share)


@pytest.mark.parametrize("sample", [Sample(3, 2), Sample(-1, 2)])
def test_what_is_no_count_is_refused(sample: Sample) -> None:
    with pytest.raises(ValueError, match="events must lie"):
        chance(sample, Sample(0, 10))


@pytest.mark.parametrize(
    ("now", "then", "far"),
    [
        (0.30, 0.005, True), (0.056, 0.005, True), (0.054, 0.005, False), (0.45, 0.25, False), (0.80, 0.49, True),
        (0.99, 0.96, False), (1.0, 0.9, True), (0.06, 0.0, True),
    ],
)  # fmt: skip
def test_the_least_effect(now: float, then: float, far: bool) -> None:
    assert is_far(now, then) is far


@pytest.mark.parametrize(("rows", "least"), [(20_000, 6), (1500, 7), (500, 8), (200, 9)])
def test_six_of_twenty_suffice_against_half_a_percent_of_many(rows: int, least: int) -> None:
    """What 20 predictions must show, by how many there were before: half a percent of them were of the class."""
    before = Sample(rows // 200, rows)
    alarms = [events for events in range(21) if CLAIMS * chance(Sample(events, 20), before) < ALPHA]
    assert min(alarms) == least


@pytest.mark.parametrize(("trials", "least"), [(20, 6), (40, 8), (60, 9)])
def test_a_jump_that_fills_a_third_of_its_window_takes_few_more(trials: int, least: int) -> None:
    """9 of 60 are what 27 predictions at 30% and 33 at half a percent bring: the windows are a factor of 3 apart."""
    known = Sample(500, 100_000)
    alarms = [events for events in range(21) if CLAIMS * chance(Sample(events, trials), known) < ALPHA]
    assert min(alarms) == least


@pytest.mark.parametrize("share", [0.005, 0.1, 0.5])
@pytest.mark.parametrize("trials", [20, 100])
def test_false_alarms_keep_to_their_probability(share: float, trials: int) -> None:
    """Without a floor of effect, at error probabilities that a simulation can see: 20,000 looks that share a past."""
    rng = np.random.default_rng(7)
    now, then = rng.binomial(trials, share, 20_000), rng.binomial(2000, share, 20_000)
    found = [chance(Sample(a, trials), Sample(b, 2000)) for a, b in zip(now.tolist(), then.tolist(), strict=True)]
    for alpha in (0.05, 0.01, 0.001):
        assert np.mean(np.array(found) <= alpha) <= alpha + 3 * np.sqrt(alpha / 20_000)
