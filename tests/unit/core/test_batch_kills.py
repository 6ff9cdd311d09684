"""A Batch rollout keeps nothing but what it wrote: kills between any two writes end in the same place."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.unit.core.batch_world import CRON_JOB, BatchWorld, pin, scores, scoring


def end_state(world: BatchWorld) -> dict[str, Any]:
    """What must not depend on when the operator died."""
    status = world.status
    return {
        "variants": [(v["name"], v["version"], v["revision"]) for v in status["variants"]],
        "history": [(h["version"], h["outcome"], h["reason"]) for h in status["history"]],
        "cron job": world.objects[CRON_JOB]["spec"],
        "trials": world.jobs("trial"),
        "batch": {key: value for key, value in status["batch"].items() if key != "endedAt"},
    }


def story(kill: Any, bad: bool) -> BatchWorld:
    """Version 2 from the registry to its end, and a run by hand."""
    world = scoring()
    world.kill = kill
    if bad:
        world.fate["2"] = {"error": {"reason": "ModelNotLoaded", "message": "EOFError"}}
    pin(world, "2")
    world.run(120, lambda w: len(w.status["history"]) > 1).run(10)
    world.run_by_hand("now")
    return world.run(20)  # type: ignore[return-value]


@pytest.mark.long
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize("seed", [None, 1, 2], ids=["always", "dice 1", "dice 2"])
def test_kills_between_any_two_writes_change_nothing(seed: int | None, bad: bool) -> None:
    dice = random.Random(seed)
    undisturbed = story(lambda write: False, bad)
    killed = story(lambda write: seed is None or dice.random() < 0.33, bad)
    assert end_state(killed) == end_state(undisturbed)


def test_a_decision_on_the_world_that_its_own_plan_made_changes_nothing() -> None:
    world = pin(scoring(), "2").run(60, scores("2")).run(3)
    world.settle()
    before = world.writes
    for _ in range(5):
        plan = world.reconcile()
        assert plan is not None
        assert plan.actions == ()
        assert plan.status == world.status
    assert world.writes == before
