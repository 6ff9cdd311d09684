"""A RetrainPolicy whose operator dies between any two writes, or to which anything happens: never two runs for one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drift.policy_world import BLIND, DRIFTED, STABLE, SUSPECT, World


@pytest.mark.parametrize("cuts", list(itertools.product((0, 1, 99), repeat=4)))
def test_killed_between_any_two_writes_the_same_single_run_is_made(cuts: tuple[int, ...]) -> None:
    world = World()
    for cut in cuts:
        world.step(DRIFTED, cut=cut)
    world.settle(DRIFTED)
    assert len(world.made) == 1
    assert world.status.last_run is not None
    assert world.status.last_run.name == world.made[0]
    assert world.status.state == "Retraining"


moves = st.lists(st.tuples(st.sampled_from("dsub"), st.sampled_from([0, 1, 99]), st.integers(0, 20)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_whatever_happens_never_two_runs_at_once_nor_more_than_the_budget(
    steps: list[tuple[str, int, int]],
) -> None:
    looks = {"d": DRIFTED, "s": STABLE, "u": SUSPECT, "b": BLIND}
    world = World()
    for kind, cut, minutes in steps:
        world.later(minutes)
        busy = [name for name, run in world.runs.items() if "status" not in run]
        before = len(world.made)
        world.step(looks[kind], cut=cut)
        assert len(world.made) - before <= 1
        assert not (busy and len(world.made) > before)
        if minutes > 15 and world.made and world.made[-1] in world.runs:
            world.end("Failed", "")
    assert len(world.made) <= 2
