"""Whose predictions have jumped: tables of situations, and what must hold of all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.core.class_jump import found, unjudged
from slipway.core.live_classes import WINDOWS, Live, Look, Observed, Tally

QUIET = (199_000.0, 1000.0)
NONE: dict[str, float] = {}


def tally(zeros: float, ones: float, rows: float = 1.0) -> Tally:
    return Tally({"0": zeros, "1": ones}, (zeros + ones) / rows)


def live(
    now: tuple[float, float], before: tuple[float, float] = QUIET, reference: dict[str, float] = NONE, rows: float = 1.0
) -> Live:
    """Every window holds the same, as where all of it came in the last ten seconds."""
    return Live(tuple(Look(s, tally(*now, rows), tally(*before)) for s in WINDOWS), reference)


HELD_OUT = {"0": 1990.0, "1": 10.0}
MANY = {"0": 700.0, "1": 300.0}


@pytest.mark.parametrize(
    ("case", "stable", "whose"),
    [
        ("6 of 20 where half a percent was", live((14, 6)), "Stable"),
        ("5 of 20", live((15, 5)), None),
        ("6 of 19: too few, whatever they say", live((13, 6)), None),
        ("as before", live((1990, 10)), None),
        ("a significant move of a few points", live((96_000, 4000)), None),
        ("it comes back to what held-out predictions promised", live((70, 30), reference=MANY), None),
        ("it has left its past, and what was promised", live((70, 30), reference=HELD_OUT), "Stable"),
        ("it has left what was promised long ago", live((70, 30), (7000, 3000), HELD_OUT), None),
        ("nothing before: a promise alone is no expectation", live((70, 30), (0, 0), HELD_OUT), None),
        ("a past of a few predictions is none", live((0, 3000), (99, 0)), None),
        ("a promise of a few rows is none", live((70, 30), reference={"0": 70.0, "1": 29.0}), "Stable"),
        ("a rare class that stops is none", live((2000, 0)), None),
        ("a frequent class that stops", live((100, 0), (7000, 3000)), "Stable"),
        ("one request of 60 rows is one prediction", live((0, 60), rows=60.0), None),
        ("requests of three rows, 20 of them", live((42, 18), rows=3.0), "Stable"),
        ("nobody asked", live((0, 0)), None),
    ],
)
def test_what_serves_alone(case: str, stable: Live, whose: str | None) -> None:
    seen = found(Observed(stable))
    assert (seen.subject if seen else None) == whose, case


LOUD, CALM = live((70, 30)), live((995, 5))


@pytest.mark.parametrize(
    ("case", "candidate", "stable", "whose"),
    [
        ("the candidate alone", live((70, 30), (0, 0)), CALM, "Candidate"),
        ("neither", CALM, CALM, None),
        ("stable alone", CALM, LOUD, "Stable"),
        ("stable alone, whose new answers weigh already", CALM, live((700, 300), (1990, 10)), "Stable"),
        ("both alike", live((70, 30), (0, 0)), LOUD, "Everyone"),
        ("both, the candidate more", live((30, 70), (0, 0)), LOUD, "Everyone"),
        ("stable, and the candidate says too little", live((8, 2), (0, 0)), LOUD, "Everyone"),
        ("the candidate, and stable says too little", live((70, 30), (0, 0)), live((9, 0)), None),
        ("a candidate that never says 1", live((300, 0), (0, 0)), live((180, 120), (6000, 4000)), "Candidate"),
    ],
)
def test_beside_a_candidate(case: str, candidate: Live, stable: Live, whose: str | None) -> None:
    seen = found(Observed(stable, candidate, stable))
    assert (seen.subject if seen else None) == whose, case


def test_a_class_of_many_alarms_both_ways() -> None:
    before = Tally({"a": 500.0, "b": 500.0, "c": 9000.0}, 10_000.0)
    for now, label, rose in (({"a": 60.0, "b": 5.0, "c": 95.0}, "a", True), ({"a": 80.0, "b": 80.0}, "c", False)):
        look = Look(10, Tally(now, sum(now.values())), before)
        seen = found(Observed(Live((look,))))
        assert seen is not None
        assert (seen.jump.label, seen.jump.rose) == (label, rose)


@pytest.mark.parametrize(
    ("stable", "words"),
    [
        (live((19, 0)), "fewer than 20 predictions"),
        (live((30, 0), (99, 0), HELD_OUT), "nothing to compare with yet"),
        (live((30, 0)), ""),
    ],
)
def test_why_nobody_can_say(stable: Live, words: str) -> None:
    assert unjudged(stable).startswith(words)
    assert bool(unjudged(stable)) == bool(words)


counts = st.tuples(st.integers(0, 2000), st.integers(0, 2000))


@given(counts, counts, st.one_of(st.just((0, 0)), counts))
def test_an_alarm_is_always_a_large_effect_on_enough_predictions(
    now: tuple[int, int], before: tuple[int, int], reference: tuple[int, int]
) -> None:
    seen = found(Observed(live(now, before, dict(zip("01", map(float, reference), strict=True)))))
    if seen is None:
        return
    assert sum(now) >= 20
    assert sum(before) >= 100
    share = now[1] / sum(now)
    known = [each for each in (before, reference) if sum(each) >= 100]
    assert all(abs(share - each[1] / sum(each)) >= 0.05 - 1e-12 for each in known)


@given(counts, counts)
def test_swapping_the_names_of_two_classes_changes_no_alarm(now: tuple[int, int], before: tuple[int, int]) -> None:
    one, other = found(Observed(live(now, before))), found(Observed(live(now[::-1], before[::-1])))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.jump.p == pytest.approx(other.jump.p)


def test_steady_traffic_raises_no_alarm() -> None:
    """Fifteen hours of looks every ten seconds at two requests a second, windows overlapping as they do."""
    rng = np.random.default_rng(11)
    seconds = 60_000
    ones = np.concatenate([[0], np.cumsum(rng.binomial(2, 0.02, seconds))])
    alarms = 0
    for end in range(5000, seconds, 10):
        looks = []
        for length in WINDOWS:
            positive, before = ones[end] - ones[end - length], ones[end - length] - ones[end - 2 * WINDOWS[-1]]
            now = tally(2 * length - float(positive), float(positive))
            looks.append(Look(length, now, tally(2 * (2 * WINDOWS[-1] - length) - float(before), float(before))))
        alarms += found(Observed(Live(tuple(looks)))) is not None
    assert alarms == 0
