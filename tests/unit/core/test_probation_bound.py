"""What counts make of a limit: decided by a sequence, whatever the number and the order of looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.gates import Limit
from slipway.core.performance import Counts, Reach, read_counts
from slipway.core.probation import ERROR, on_bound
from slipway.statistics.proportions import SEPARATING_TRIALS

from tests.unit.drift.labelled_world import Said, task
from tests.unit.drift.policy_world import START

REACH = Reach(86_400.0, "the time", "raise atMost")
LABEL = task().label
FLOOR = Limit.model_validate({"metric": "precision", "op": ">=", "bound": "75%"})
CEILING = Limit.model_validate({"metric": "mae", "op": "<=", "bound": "0.4"})


def counts(right: int, trials: int, **said: Any) -> Counts:
    return read_counts({**json.loads(Said(right=right, trials=trials).words())["performance"], **said})


def verdict(right: int, trials: int, limit: Limit = FLOOR) -> str:
    return on_bound(limit, LABEL, counts(right, trials), START, REACH).verdict


@settings(max_examples=150, deadline=None)
@given(right=st.integers(0, 600), wrong=st.integers(0, 600), more=st.integers(1, 60))
def test_more_right_never_worsens_a_verdict_and_too_few_never_decide(right: int, wrong: int, more: int) -> None:
    order = ["Breach", "Wait", "Pass"]
    found = verdict(right, right + wrong)
    if right + wrong < SEPARATING_TRIALS:
        assert found == "InsufficientData"
        return
    assert order.index(verdict(right + more, right + wrong + more)) >= order.index(found)
    share = right / (right + wrong)
    assert found != "Breach" or share < 0.75
    assert found != "Pass" or share >= 0.75


@given(right=st.integers(0, 600), wrong=st.integers(48, 600))
@settings(max_examples=60, deadline=None)
def test_no_look_asked_in_between_changes_what_the_same_sums_say(right: int, wrong: int) -> None:
    """The verdict is of the sums alone: nothing is remembered from one look to the next."""
    once = on_bound(FLOOR, LABEL, counts(right, right + wrong), START, REACH)
    on_bound(FLOOR, LABEL, counts(right // 2, (right + wrong) // 2), START, REACH)
    again = on_bound(FLOOR, LABEL, counts(right, right + wrong), START + timedelta(days=3), REACH)
    assert (again.verdict, again.low, again.high) == (once.verdict, once.low, once.high)


@pytest.mark.parametrize(("mean", "found"), [(0.1, "Pass"), (0.9, "Breach"), (0.4, "Wait")])
def test_of_numbers_the_upper_end_keeps_and_the_lower_one_breaks_an_upper_limit(mean: float, found: str) -> None:
    n = 400
    sums = [n, mean * n, n, (mean * mean + 0.01) * n, n, mean * n, 1]
    assert on_bound(CEILING, LABEL, counts(0, n, sums=sums), START, REACH).verdict == found


def looks() -> Iterator[int]:
    n = SEPARATING_TRIALS
    while n <= 1000:
        yield n
        n = int(n * 13 / 12)


@pytest.fixture(scope="module")
def verdicts() -> dict[int, list[str]]:
    """Of every count of right ones, at each look."""
    return {n: [verdict(right, n) for right in range(n + 1)] for n in looks()}


def decided(verdicts: dict[int, list[str]], truth: float, runs: int) -> dict[str, list[int]]:
    """By verdict, the trials after which each of so many versions was decided upon."""
    rng = np.random.default_rng(7)
    found: dict[str, list[int]] = {"Pass": [], "Breach": [], "Wait": []}
    for _ in range(runs):
        right, before, last = 0, 0, "Wait"
        for n, at in verdicts.items():
            right, before = right + int(rng.binomial(n - before, truth)), n
            last = at[right]
            if last != "Wait":
                break
        found[last].append(before)
    return found


def test_a_version_on_its_bound_is_sent_back_no_more_often_than_is_said_although_it_is_looked_at_again_and_again(
    verdicts: dict[int, list[str]],
) -> None:
    found = decided(verdicts, 0.75, 8000)
    assert len(found["Breach"]) / 8000 < 3 * ERROR, "Wilson's tail is that of the normal law"
    assert len(found["Pass"]) / 8000 < 3 * ERROR


def test_a_fall_to_60_percent_is_found_within_two_hundred_trials_and_85_percent_pass_within_four(
    verdicts: dict[int, list[str]],
) -> None:
    fallen, good = decided(verdicts, 0.6, 400), decided(verdicts, 0.85, 400)
    assert sum(n <= 204 for n in fallen["Breach"]) >= 0.75 * 400
    assert fallen["Pass"] == good["Breach"] == []
    assert sum(n <= 450 for n in good["Pass"]) >= 0.75 * 400
