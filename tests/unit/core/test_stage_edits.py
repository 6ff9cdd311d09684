"""A running stage that a commit changes while the rollout is held: nothing goes forward, and breaches still act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slipway.cli.explanation import explain

from tests.unit.core.commanded import Commanded, last, patient, rolling
from tests.unit.core.ledgers import decisions
from tests.unit.core.simulation import KEY
from tests.unit.core.specs import FAILING, GOOD, NEVER_POSITIVE, in_stage, serves
from tests.unit.core.traffic_model import Behaviour

Edit = Callable[[Any], None]
CANARY = "canary-10"
LONG = patient()[1:]


def without(name: str) -> Edit:
    """The stage is taken out."""
    return lambda spec: spec.update(stages=[each for each in spec["stages"] if each["name"] != name])


def weighing(name: str, weight: str) -> Edit:
    """The stage asks for another share."""

    def change(spec: Any) -> None:
        next(each for each in spec["stages"] if each["name"] == name)["canary"]["weight"] = weight

    return change


def hold(sim: Commanded) -> Edit:
    sim.ask("Hold", reason="complaints from Milan")
    sim.settle()
    return lambda spec: None


def pause(sim: Commanded) -> Edit:
    return lambda spec: spec.update(paused=True)


def freeze(sim: Commanded) -> Edit:
    always = [{"name": "always", "cron": "* * * * *", "for": "1h", "timeZone": "UTC"}]
    return lambda spec: spec.update(freeze=always)


def share(sim: Commanded) -> str:
    return str(sim.variants()["candidate"]["weight"])


@pytest.mark.long
@pytest.mark.parametrize("stopped", [hold, pause, freeze])
@pytest.mark.parametrize("change", [without("canary-10"), weighing("canary-10", "20%")], ids=["taken out", "raised"])
def test_a_change_that_goes_forward_waits_for_what_holds_the_rollout_back(
    stopped: Callable[[Commanded], Edit], change: Edit
) -> None:
    sim = rolling("canary-10", stages=LONG)
    stops = stopped(sim)
    sim.edit(KEY, stops)
    sim.edit(KEY, change)
    sim.run(60)
    assert share(sim) == "10%"
    assert in_stage("canary-10")(sim)
    assert sim.condition("Progressing")[0] == "False"
    assert "the spec's change of it waits" in sim.condition("Progressing")[2]
    sim.ask("Resume")
    sim.edit(KEY, lambda spec: spec.update(paused=False, freeze=[]))
    sim.run(3)
    assert share(sim) in ("20%", "50%")


@pytest.mark.long
def test_a_smaller_share_is_followed_at_once() -> None:
    sim = rolling("canary-50", stages=LONG[1:])
    hold(sim)
    sim.edit(KEY, weighing("canary-50", "5%"))
    sim.settle()
    assert share(sim) == "5%"


@pytest.mark.long
def test_a_breach_acts_while_a_change_waits() -> None:
    sim = rolling("canary-10", stages=LONG)
    hold(sim)
    sim.edit(KEY, without("canary-10"))
    sim.run(5)
    sim.versions["2"] = FAILING
    sim.run(120, in_stage("rollback"))
    assert (last(sim)["stage"], last(sim)["reason"]) == ("canary-10", "GateBreached")
    assert share(sim) == "0%"


@pytest.mark.long
def test_a_breach_that_waits_for_a_person_is_said_and_recorded_once() -> None:
    sim = rolling("canary-10", stages=LONG, onBreach="Hold")
    hold(sim)
    sim.edit(KEY, without("canary-10"))
    sim.versions["2"] = FAILING
    sim.run(120, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.run(60)
    assert share(sim) == "10%"
    assert [kind for kind, _ in decisions(sim)].count("Breached") == 1


def test_a_candidate_that_cannot_answer_loses_its_traffic_while_a_change_waits() -> None:
    sim = rolling("canary-10", stages=LONG)
    hold(sim)
    sim.edit(KEY, weighing("canary-10", "20%"))
    sim.versions["2"] = Behaviour(starts=False)
    sim.run(3)
    assert "TrafficWithheld" in sim.notices


@pytest.mark.long
def test_a_stage_that_is_taken_out_while_it_runs_stands_in_history_as_passed_over() -> None:
    sim = rolling("canary-10", stages=[LONG[0], {**LONG[1], "minDuration": "10s"}])
    sim.edit(KEY, without("canary-10"))
    sim.run(300, serves("2"))
    assert [(each["name"], each["reason"]) for each in last(sim)["skipped"]] == [
        ("canary-10", "taken out of spec.stages while it ran")
    ]
    assert ("StageSkipped", "canary-10") in decisions(sim)


@pytest.mark.long
@pytest.mark.parametrize("change", [without("canary-10"), weighing("canary-10", "20%")], ids=["taken out", "raised"])
def test_a_held_breach_keeps_a_change_from_going_forward_until_its_gate_is_changed(change: Edit) -> None:
    sim = rolling("canary-10", FAILING, stages=LONG, onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.edit(KEY, change)
    sim.run(60)
    assert share(sim) == "10%"
    assert sim.condition("Stalled")[1] == "Breached"
    sim.edit(KEY, lambda spec: next(g for g in spec["gates"] if g["name"] == "errors").update(bound="90%"))
    sim.run(60)
    assert share(sim) != "10%"


def ungated(spec: Any) -> None:
    """Its breached gates are taken out, of the rollout and of all stages."""
    spec.update(gates=[], stages=[{**each, "gates": []} for each in spec["stages"]])


def untyped(spec: Any) -> None:
    """The running stage becomes one without traffic, and is skipped."""
    at = next(place for place, each in enumerate(spec["stages"]) if each["name"] == CANARY)
    replay = {"name": CANARY, "type": "Backtest", "backtest": {"window": "1d"}, "skip": {"reason": "no time"}}
    spec["stages"][at] = replay


def together(*edits: Edit) -> Edit:
    def change(spec: Any) -> None:
        for edit in edits:
            edit(spec)

    return change


WAYS_ROUND = {
    "gates out": ungated,
    "gates out, raised": together(ungated, weighing(CANARY, "20%")),
    "gates and stage out": together(ungated, without(CANARY)),
    "skipped": untyped,
    "gates out, skipped": together(ungated, untyped),
}


@pytest.mark.long
@pytest.mark.parametrize("change", WAYS_ROUND.values(), ids=WAYS_ROUND)
def test_no_commit_gets_round_a_held_breach_by_taking_away_what_it_came_from(change: Edit) -> None:
    stages = [{**each, "minDuration": "10s"} for each in LONG]
    sim = rolling(CANARY, NEVER_POSITIVE, stages=stages, onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.edit(KEY, change)
    sim.versions["2"] = GOOD
    sim.run(120)
    assert share(sim) in ("10%", "0%")
    assert sim.status["target"]["version"] == "2"
    assert any(gate["breaches"] for gate in sim.status["gates"])
    told = " ".join(explain(sim.get(KEY), sim.now).lines()).replace("  ", " ")
    assert "has breached" in " ".join(told.split())
    request = sim.ask("Abort")
    sim.run(60)
    assert sim.answer(request)[0] == "Applied"


@pytest.mark.long
def test_a_held_breach_whose_gate_is_gone_sends_back_where_the_spec_says_rollback() -> None:
    sim = rolling(CANARY, NEVER_POSITIVE, stages=LONG, onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.edit(KEY, together(ungated, lambda spec: spec.update(onBreach="Rollback")))
    sim.run(60, in_stage("rollback"))
    assert last(sim)["reason"] == "GateBreached"
    assert "taken out of the spec" in last(sim)["message"]
