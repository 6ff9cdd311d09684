"""For how long nobody could judge a gate: Unknown and Invalid together, whichever of them it was last."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.core.gates import Case, Judgement
from slipway.core.rollout import verdicts

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import in_stage, pin, serves, serving

ERRORS = {"name": "errors", "metric": "error_rate", "op": "<=", "bound": "5%"}
BACK = {**ERRORS, "onUnknown": {"after": "1m", "action": "Rollback"}}
TOLD = [{"name": "all", "url": "https://chat.example.com/", "events": ["GateUnknown"]}]


def judged(monkeypatch: pytest.MonkeyPatch, sim: Simulation, *said: Any) -> None:
    """From now on gates are judged so, in turn, for ten seconds each."""

    def judge(case: Case) -> Judgement:
        return Judgement(said[int(sim.now.timestamp()) // 10 % len(said)], "as the test says")

    monkeypatch.setattr(verdicts, "judge", judge)


@remembered
def canary(**changes: Any) -> Simulation:
    return pin(serving(**changes), "2").run(200, in_stage("canary-10"))


def test_a_gate_that_changes_between_unknown_and_invalid_goes_back_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = canary(gates=[BACK], hooks=TOLD)
    judged(monkeypatch, sim, "Unknown", "Invalid")
    sim.run(40)
    assert sim.status["stage"]["name"] == "canary-10"
    sim.run(60, in_stage("rollback"))
    assert sim.run(100, serves("1")).status["history"][0]["reason"] == "GateUnknown"


def test_it_is_told_in_time_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = canary(gates=[{**ERRORS, "onUnknown": {"after": "1m"}}], hooks=TOLD)
    judged(monkeypatch, sim, "Invalid", "Unknown")
    sim.run(90)
    assert {(each.content["id"], each.content["event"]) for each in sim.sent} == {("u1-1", "GateUnknown")}


def test_a_judgement_in_between_begins_the_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = canary(gates=[BACK])
    judged(monkeypatch, sim, "Unknown", "Invalid", "Wait")
    sim.run(200)
    assert sim.status["stage"]["name"] == "canary-10"
    judged(monkeypatch, sim, "Wait")
    sim.run(20)
    assert "unjudgedSince" not in sim.status["gates"][0]
