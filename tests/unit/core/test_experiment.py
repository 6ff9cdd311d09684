"""What a spec asks of the statistics: the hypothesis, the size, and how a look is judged."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.core.experiment import design_of, effect_of, hypothesis_of, inflation_of, look, sequence, sized, whole_days
from slipway.statistics.duration import Arrivals
from slipway.statistics.power import share_metric

from tests.unit.core.arms import exact
from tests.unit.core.experiments import experiment

MARGIN = {"type": "NonInferiority", "nonInferiority": {"margin": "5%"}}
GROUPED = {"method": "GroupSequential", "groupSequential": {"looks": 4}}


def test_superiority_looks_for_the_effect_and_non_inferiority_for_the_margin() -> None:
    assert design_of(experiment()).effect == pytest.approx(0.1)
    assert hypothesis_of(experiment()).limit == 0
    kept = experiment(hypothesis=MARGIN)
    assert design_of(kept).effect == pytest.approx(0.05)
    assert hypothesis_of(kept).limit == pytest.approx(-0.05)
    assert hypothesis_of(experiment(hypothesis=MARGIN, better="Lower")).limit == pytest.approx(0.05)


def test_errors_come_from_the_spec() -> None:
    design = design_of(experiment(alpha="0.02", power="0.9"))
    assert (design.alpha, design.power, design.two_sided) == (0.02, 0.9, True)


@pytest.mark.parametrize(("changes", "most"), [({}, 1.1), (GROUPED, 1.1)], ids=["sequence", "grouped"])
def test_an_experiment_takes_little_more_than_a_fixed_test(changes: dict[str, object], most: float) -> None:
    assert 1 <= inflation_of(experiment(**changes)) < most


def test_the_size_is_that_of_the_textbook_times_the_inflation() -> None:
    test = experiment(effect={"value": "2%", "kind": "Absolute"})
    size = sized(test, share_metric(0.4), Arrivals(1000), 0.5)
    textbook = (1.959964 + 0.841621) ** 2 * 0.4 * 0.6 * 4 / 0.02**2
    assert size.entities == pytest.approx(textbook * inflation_of(test), rel=1e-3)
    assert size.days == pytest.approx(size.entities / 1000, rel=1e-3)


def test_what_comes_by_the_end_shows_less_than_the_effect_where_too_few_come() -> None:
    large = sized(experiment(atMost="28d"), share_metric(0.4), Arrivals(10), 0.5)
    assert not large.fits
    assert large.detectable is not None
    assert large.detectable > 0.1
    small = sized(experiment(atMost="28d"), share_metric(0.4), Arrivals(1000), 0.5)
    assert small.fits
    assert small.detectable is not None
    assert small.detectable < 0.1


def test_a_pool_that_only_returns_never_brings_them() -> None:
    size = sized(experiment(atMost="28d"), share_metric(0.4), Arrivals(0, 500, 3), 0.5)
    assert (size.days, size.fits) == (None, False)
    assert whole_days(size.days) is None


@given(share=st.floats(0.05, 0.95), other=st.floats(0.05, 0.95))
@settings(max_examples=30, deadline=None)
def test_halves_need_fewest(share: float, other: float) -> None:
    test = experiment()
    sizes = {each: sized(test, share_metric(0.4), Arrivals(1000), each).entities for each in (share, other)}
    nearer = min((share, other), key=lambda each: abs(each - 0.5))
    assert sizes[nearer] <= min(sizes.values()) * (1 + 1e-9) + 1


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_the_last_look_is_never_wider_than_the_sequence(kind: str) -> None:
    test = experiment(effect={"value": "10%", "kind": kind})
    effect = effect_of(test, exact(0.42, 3000), exact(0.4, 3000), events=True)
    now, last = sequence(effect, test, last=False), sequence(effect, test, last=True)
    assert now.low <= last.low < last.value < last.high <= now.high
    assert now.value == pytest.approx(0.02 if kind == "Absolute" else 0.05)


def test_nothing_known_is_an_interval_without_ends() -> None:
    test = experiment()
    effect = effect_of(test, exact(0.4, 3000, clusters=10), exact(0.4, 3000), events=True)
    judged = sequence(effect, test, last=True)
    assert (judged.low, judged.high, judged.fraction) == (-math.inf, math.inf, 0.0)


def test_an_early_look_of_a_group_needs_more_than_a_late_one() -> None:
    test = experiment(**GROUPED)
    few, many = (effect_of(test, exact(0.44, n), exact(0.4, n), events=True) for n in (700, 2000))
    early = look(few, test, [], last=False)
    late = look(many, test, [0.2], last=False)
    error = {n: (j.high - j.value) * math.sqrt(float(e.information)) for n, j, e in ((1, early, few), (2, late, many))}
    assert error[1] > error[2] > 1.9
