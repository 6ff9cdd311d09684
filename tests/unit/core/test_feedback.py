"""The contrast of who is held out: no alarm by chance, a loop found, and what was said does not depend on the order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_holdout import MOST_SLICES, ContrastedRevision, ContrastedSlice
from slipway.core.feedback import ALPHA, CLAIMS, contrasted, error_of, looked, suspicion
from slipway.core.holdout_evidence import (
    EVERYTHING,
    Pair,
    able_revisions,
    able_text,
    contrast_of,
    contrast_texts,
)
from slipway.core.plan import Unavailable
from slipway.runtime.world import Sample
from slipway.statistics.ratios import Moments

SLICES = ("country=it", "country=de", "country=other")
FIRST = ContrastedRevision(revision="r1", number=1, version="7")


def moments(y: np.ndarray, n: np.ndarray) -> Moments:
    asked = n > 0
    y, n = y[asked], n[asked]
    return Moments(
        len(n), float(y.sum()), float(n.sum()), float((y * y).sum()), float((n * n).sum()), float((y * n).sum())
    )


def counted(seen: Mapping[str, tuple[float, float]], each: float = 20.0) -> dict[str, Pair]:
    """Pairs of 64 clusters with the same share each: to who is held out, and to others (twenty times as many)."""
    found = {}
    for name, (held, others) in seen.items():
        wobble = np.where(np.arange(64) % 2 == 0, 1, -1) * 0.05
        h, o = np.full(64, each), np.full(64, 20 * each)
        found[name] = Pair(moments(h * np.clip(held + wobble, 0, 1), h), moments(o * np.clip(others + wobble, 0, 1), o))
    return found


def entry(name: str = SLICES[0], difference: str = "10%", low: str = "5%", high: str = "15%", **more: Any) -> Any:
    return ContrastedSlice(name=name, difference=difference, low=low, high=high, **more)


def revision(*slices: ContrastedSlice, version: str = "7") -> ContrastedRevision:
    return ContrastedRevision(revision=f"r{version}", version=version, slices=slices)


class Chance:
    """Requests of entities by chance, looked at again and again: some are held out, by day and cluster.

    `loop`: how much likelier the model's answer to the others becomes positive in the first slice.
    """

    def __init__(self, seed: int, loop: float = 0.0, days: int = 30) -> None:
        self.dice, self.loop, self.days = np.random.default_rng(seed), loop, days
        self.clusters = self.dice.integers(0, 64, (3, 60)), self.dice.integers(0, 64, (3, 600))
        shape = (3, 1)
        self.rates = [np.clip(self.dice.beta(2, 8, (3, size)), 0, 1) for size in (60, 600)]
        self.rates[1][0] = np.clip(self.rates[1][0] + loop, 0, 1)
        self.sums = [[np.zeros((3, 64)) for _ in range(2)] for _ in range(2)]
        assert self.clusters[0].shape[:1] == shape[:1]

    def day(self) -> dict[str, Pair]:
        for side, (clusters, rates) in enumerate(zip(self.clusters, self.rates, strict=True)):
            asked = self.dice.poisson(2.0, rates.shape)
            positive = self.dice.binomial(asked, rates)
            for place in range(3):
                np.add.at(self.sums[side][0][place], clusters[place], positive[place])
                np.add.at(self.sums[side][1][place], clusters[place], asked[place])
        (hy, hn), (oy, on) = self.sums
        found = {name: Pair(moments(hy[i], hn[i]), moments(oy[i], on[i])) for i, name in enumerate(SLICES)}
        return found | {EVERYTHING: Pair(moments(hy.sum(0), hn.sum(0)), moments(oy.sum(0), on.sum(0)))}

    def seen(self) -> ContrastedRevision:
        """After all days, with a look at each."""
        found = FIRST
        for _ in range(self.days):
            found = looked(found, self.day(), 1)
        return found


def test_without_a_loop_few_are_ever_sure_of_one() -> None:
    """Of 300 stories with four slices and 30 looks each, the error is to be 1%: 10 would be beyond all chance."""
    sure = sum(any(one.sure for one in Chance(seed).seen().slices) for seed in range(300))
    assert sure <= 9, "more than 1% by p < 0.002"


def test_a_loop_is_found_where_it_is() -> None:
    found = [Chance(seed, loop=0.4).seen() for seed in range(20)]
    named = [[one.name for one in each.slices if one.sure] for each in found]
    assert all(SLICES[0] in each for each in named)
    assert all(SLICES[1] not in each and SLICES[2] not in each for each in named)
    both = suspicion([found[0], found[1]])
    assert (both.status, both.reason) == ("True", "SuccessiveRevisions")


def test_the_errors_of_all_claims_together_are_the_error() -> None:
    spent = sum(error_of(EVERYTHING, k) + CLAIMS * error_of("a=b", k) for k in range(100_000))
    assert spent <= ALPHA
    assert math.isclose(spent, ALPHA, rel_tol=1e-4)


@given(st.permutations([EVERYTHING, *SLICES]), st.floats(0.06, 0.9), st.floats(0.06, 0.9))
def test_the_order_of_slices_means_nothing(order: list[str], held: float, others: float) -> None:
    seen = counted(dict.fromkeys([EVERYTHING, *SLICES], (held, others)))
    assert looked(FIRST, {name: seen[name] for name in order}, 1) == looked(FIRST, seen, 1)


@given(st.floats(0.1, 0.5), st.floats(0.0, 0.4), st.floats(0.0, 0.09))
def test_what_is_sure_of_a_difference_is_sure_of_a_greater_one(held: float, apart: float, more: float) -> None:
    less, greater = (
        contrasted("a=b", counted({"a=b": (held, held + each)})["a=b"], 0) for each in (apart, apart + more)
    )
    assert less is not None
    assert greater is not None
    assert greater.sure or not less.sure


@given(st.floats(0.06, 0.9), st.floats(0.06, 0.9))
def test_both_directions_count_alike(held: float, others: float) -> None:
    pair = counted({"a=b": (held, others)})["a=b"]
    one, other = contrasted("a=b", pair, 0), contrasted("a=b", Pair(pair.others, pair.held), 0)
    assert one is not None
    assert other is not None
    assert one.sure == other.sure
    assert float(one.difference[:-1]) == pytest.approx(-float(other.difference[:-1]), abs=1e-9)


def test_too_few_clusters_say_nothing() -> None:
    few = Moments(29, 10, 100, 10, 400, 40)
    assert contrasted("a=b", Pair(few, counted({"": (0.5, 0.5)})[""].others), 0) is None
    assert suspicion([looked(FIRST, {"a=b": Pair(few, few)}, 1)]).reason == "TooFew"
    assert suspicion([]).status == "Unknown"


def test_what_was_sure_stays_so_when_evidence_begins_anew() -> None:
    loop, quiet = counted({SLICES[0]: (0.1, 0.6)}), counted({SLICES[0]: (0.3, 0.3)}, each=2.0)
    sure = looked(FIRST, loop, 1)
    after = looked(sure, quiet, 2)
    assert (after.restarts, after.epoch) == (1, 2)
    assert after.slices == sure.slices
    assert sure.slices[0].first == sure.slices[0].difference


def test_at_most_ten_slices_are_kept_the_sure_ones_first() -> None:
    many = {f"a={n}": (0.3, 0.3) for n in range(40)} | {"z=1": (0.1, 0.6), EVERYTHING: (0.3, 0.31)}
    kept = looked(FIRST, counted(many), 1).slices
    assert len(kept) == MOST_SLICES
    assert [one.name for one in kept[:2]] == [EVERYTHING, "z=1"]


@pytest.mark.parametrize(
    ("revisions", "said"),
    [
        ([revision(entry(sure=True, first="10%"))], ("False", "OneRevisionDiffers")),
        ([revision(entry(sure=True, first="4%"))], ("True", "DifferenceGrows")),
        (
            [revision(entry(difference="-10%", low="-15%", high="-5%", sure=True, first="-4%"))],
            ("True", "DifferenceGrows"),
        ),
        ([revision(entry(sure=True, first="10%")), revision(entry(low="-1%"))], ("True", "SuccessiveRevisions")),
        (
            [revision(entry(sure=True, first="10%")), revision(entry(difference="-1%", low="-3%", high="1%"))],
            ("False", "OneRevisionDiffers"),
        ),
        ([revision(entry(sure=True, first="10%")), revision(entry(SLICES[1]))], ("False", "OneRevisionDiffers")),
        ([revision(entry(low="-1%")), revision(entry(sure=True, first="1%"))], ("False", "NoDifference")),
    ],
)
def test_a_loop_is_suspected_over_two_revisions_or_where_it_grows(
    revisions: list[ContrastedRevision], said: tuple[str, str]
) -> None:
    found = suspicion(revisions)
    assert (found.status, found.reason) == said
    assert "10%" in found.message


ROLLOUT = "ns/fraud"


def samples(number: float, /, **labels: str) -> list[Sample]:
    return [Sample({"rollout": ROLLOUT, "revision": "r1", "epoch": "3", **labels}, number)]


def answers() -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for part in contrast_texts("5m", [ROLLOUT]):
        of_class = {"class": "1"} if part.startswith("y") else {}
        found[part] = [
            *samples(40, traffic="holdout", **of_class),
            *samples(50, traffic="live", **of_class),
            *samples(41, traffic="holdout", slice="country", value="it", **of_class),
            *samples(9, traffic="holdout", **({"class": "0"} if of_class else {"epoch": "2"})),
        ]
    return found


def test_answers_become_slices_that_both_sides_have() -> None:
    found = contrast_of(answers(), ROLLOUT, "r1", 3, "1")
    assert found == {EVERYTHING: Pair(Moments(40, 40, 40, 40, 40, 40), Moments(50, 50, 50, 50, 50, 50))}
    live = {
        part: [*vector, *samples(60, traffic="live", slice="country", value="it")] for part, vector in answers().items()
    }
    both = contrast_of(live, ROLLOUT, "r1", 3, "1")
    assert isinstance(both, Mapping)
    assert set(both) == {EVERYTHING, "country=it"}
    assert contrast_of(answers(), ROLLOUT, "r2", 3, "1") == {}
    gone = Unavailable("PrometheusUnavailable", "no answer")
    assert contrast_of({**answers(), "y": gone}, ROLLOUT, "r1", 3, "1") is gone


def test_able_is_who_has_rules() -> None:
    assert able_revisions(samples(2), ROLLOUT) == {"r1"}
    assert able_revisions(samples(0), ROLLOUT) == frozenset()
    assert able_revisions([Sample({"rollout": "ns/other", "revision": "r1"}, 2)], ROLLOUT) == frozenset()
    assert "ns/fraud|ns/other" in able_text(["ns/fraud", "ns/other"])
