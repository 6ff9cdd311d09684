"""Kill -9 between any two writes, those of requests included, ends in the same place; what holds for any requests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.scalars import Share
from slipway.controllers.rollout import RolloutController

from tests.unit.core.commanded import SIGN_OFF, Commanded, commanded, patient, rolling
from tests.unit.core.simulation import KEY
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec
from tests.unit.core.test_rollout_kills import Kill, always, end_state, sometimes
from tests.unit.core.traffic_model import Behaviour

pytestmark = pytest.mark.long

Story = Callable[[Commanded], object]


def abort(sim: Commanded) -> object:
    pin(sim, "2").run(300, in_stage("shadow")).run(3)
    sim.ask("Abort")
    return sim.run(60, serves("1"))


def hold_advance_promote(sim: Commanded) -> object:
    pin(sim, "2").run(300, in_stage("shadow")).run(3)
    sim.ask("Hold")
    sim.run(20)
    sim.ask("Resume")
    sim.run(3)
    sim.ask("Advance", stage="shadow")
    sim.run(30, in_stage("canary-10")).run(3)
    sim.ask("Promote")
    return sim.run(60, serves("2"))


def roll_back_and_retry(sim: Commanded) -> object:
    pin(sim, "2").run(300, in_stage("shadow")).run(3)
    sim.ask("Promote")
    sim.run(60, serves("2"))
    sim.ask("Rollback")
    sim.run(60, serves("1"))
    sim.ask("Retry")
    return sim.run(60, in_stage("shadow"))


def roll_back_twice(sim: Commanded) -> object:
    sim.edit(KEY, lambda s: s.update(stages=spec()["stages"]))
    pin(sim, "2").run(300, serves("2"))
    kept = sim.variants()["previous"]["revision"]
    pin(sim, "3").run(300, in_stage("canary-10")).run(3)
    sim.ask("Rollback", rollback={"toRevision": kept})
    return sim.run(60, serves("1"))


def sign_off(sim: Commanded) -> object:
    sim.edit(KEY, lambda s: s["stages"].insert(0, dict(SIGN_OFF)))
    pin(sim, "2").run(300, in_stage("sign-off")).run(3)
    sim.ask("Approve", groups=["risk"])
    return sim.run(60, in_stage("shadow"))


def everything(sim: Commanded) -> dict[str, Any]:
    answers = [(each["name"], each["action"], each["outcome"], each["why"]) for each in sim.status["requests"]]
    phases = sorted((key.name, *sim.answer(key)) for key in sim.all_requests())
    skipped = [each.get("skipped") for each in sim.status["history"]]
    return {**end_state(sim), "answers": answers, "phases": phases, "skipped": skipped, "held": sim.status.get("held")}


@pytest.mark.sweep
@pytest.mark.parametrize("story", [abort, hold_advance_promote, roll_back_and_retry, roll_back_twice, sign_off])
@pytest.mark.parametrize("kill", [always, sometimes(1), sometimes(2)], ids=["always", "dice 1", "dice 2"])
def test_kills_between_any_two_writes_change_nothing(story: Story, kill: Kill) -> None:
    ends = []
    for chosen in (lambda write: False, kill):
        sim = commanded(stages=patient())
        sim.kill = chosen
        story(sim)
        sim.run(5)
        assert sim.client_errors == []
        ends.append(everything(sim))
    assert ends[0] == ends[1]


ACTIONS = ("Abort", "Advance", "Approve", "Hold", "Promote", "Resume", "Retry", "Rollback")
STAGES = ("build", "start", "shadow", "sign-off", "canary-10", "promote", "rollback", "")


def at(stage: str) -> Commanded:
    """A rollout that stands in a stage; "" after promotion."""
    stages = [*patient(SIGN_OFF, place=1)] if stage in ("shadow", "build", "start") else [dict(SIGN_OFF), *patient()]
    if stage in ("canary-10", "promote", ""):
        stages = spec()["stages"]
    sim = commanded(
        FAILING if stage == "rollback" else GOOD, stages=spec()["stages"] if stage == "rollback" else stages
    )
    pin(sim, "2").run(300, in_stage(stage) if stage else serves("2"))
    return sim


@pytest.mark.sweep
@pytest.mark.parametrize("stage", STAGES)
def test_the_order_in_which_requests_are_seen_changes_nothing_and_at_most_one_is_applied(stage: str) -> None:
    sim = at(stage)
    for action in ACTIONS:
        sim.ask(action, groups=["risk"])
    controller = RolloutController()
    obj = sim.get(KEY)
    assert obj is not None
    snapshot = asyncio.run(controller.observe(obj, sim, sim.now))
    assert len(snapshot.requests) == len(ACTIONS)
    plans, dice = [], random.Random(7)
    for _ in range(10):
        shuffled = tuple(dice.sample(snapshot.requests, len(ACTIONS)))
        plans.append(controller.decide(replace(snapshot, requests=shuffled), sim.now))
    assert all(plan == plans[0] for plan in plans)
    before = {each["uid"] for each in sim.status.get("requests", [])}
    answers = [each for each in (plans[0].status or {}).get("requests", []) if each["uid"] not in before]
    assert sum(each["outcome"] == "Applied" for each in answers) <= 1
    sim.run(120)
    assert {phase for phase, _ in (sim.answer(key) for key in sim.all_requests())} <= {"Applied", "Refused"}


def test_a_request_is_acted_on_once_however_often_it_is_seen() -> None:
    sim = rolling("shadow", stages=patient())
    request = sim.ask("Advance", stage="shadow")
    sim.run(30, in_stage("canary-10")).run(3)
    written = sim.objects[request]
    del written["status"]  # an operator that starts anew with a cache from before the answer
    sim.run(60)
    assert sim.status["stage"]["name"] == "canary-10"
    assert sim.answer(request) == ("Applied", "Advance")
    writes = sim.writes
    sim.settle()
    assert sim.writes == writes, "nothing is written when nothing changes"


REQUESTS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(ACTIONS)), max_size=8)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([GOOD, FAILING]), REQUESTS, st.booleans())
def test_whatever_is_asked(second: Behaviour, asked: list[tuple[int, str]], kills: bool) -> None:
    """No more weight than a stage asks for but in a promotion; a bad version that nobody promoted ends at weight 0; no
    client sees an error; every request is answered."""
    sim = pin(commanded(second), "2")
    assert isinstance(sim, Commanded)
    sim.kill = (lambda write: write % 2 == 0) if kills else (lambda write: False)
    for seconds, action in asked:
        sim.ask(action, groups=["risk"])
        for _ in range(seconds):
            sim.settle()
            _invariants(sim)
            sim.tick()
    sim.kill = lambda write: False
    sim.ask("Resume")
    sim.run(400, lambda s: not s.status.get("stage") and not s.status.get("target"))
    assert sim.client_errors == []
    assert {sim.answer(key)[0] for key in sim.all_requests()} <= {"Applied", "Refused"}
    promoted = {each["version"] for each in sim.status["history"] if each["outcome"] == "Promoted"}
    if second is FAILING and not any(action == "Promote" for _, action in asked):
        assert "2" not in promoted
    if second is FAILING:
        sim.run(120)
        assert sim.variants()["stable"]["version"] == "1"


def _invariants(sim: Commanded) -> None:
    stage, candidate = sim.status.get("stage") or {}, sim.variants().get("candidate", {})
    if stage.get("type") == "Promote":
        return
    asked = {each["name"]: each.get("canary", {}).get("weight", "0%") for each in spec()["stages"]}
    limit = Share(asked.get(stage.get("name", ""), "0%")).fraction
    assert Share(candidate.get("weight") or "0%").fraction <= limit


def test_requests_cost_a_rollout_no_write_of_its_own_when_they_are_answered() -> None:
    sim = commanded()
    sim.ask("Hold")
    sim.run(3)
    before = sim.writes
    sim.run(120)
    assert sim.writes == before
