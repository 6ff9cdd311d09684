"""Where experiments meet people and the calendar: freezes, holds, ceilings, sign-offs, skips and commands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import SIGN_OFF, Commanded, commanded, last
from tests.unit.core.experiments import BETTER, EQUAL, TEMPLATE, WORSE, result, stage
from tests.unit.core.simulation import KEY, ROUTE
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec
from tests.unit.core.test_rollout_kills import Kill, always, end_state, sometimes
from tests.unit.core.traffic_model import APPROVALS, Behaviour

pytestmark = pytest.mark.long

SHADOW, CANARY = spec()["stages"][:2]
SKIP = {"skip": {"reason": "ada: nobody works in August"}}


@remembered
def trying(second: Behaviour, *after: dict[str, Any], seconds: int = 10, **changes: Any) -> Commanded:
    """Version 2 is in its experiment, which ends after a minute."""
    sim = commanded(second, stages=[stage(seconds, **changes), *after])
    sim.run(30)
    pin(sim, "2").run(300, in_stage("ab"))
    return sim


def freeze(sim: Commanded, minutes: int) -> datetime:
    """A window that began with this minute; returns its end."""
    start = sim.now.replace(second=0)
    window = {"name": "sale", "cron": f"{start:%M %H %d %m} *", "for": f"{minutes}m", "timeZone": "UTC"}
    sim.edit(KEY, lambda s: s.update(freeze=[window]))
    return start + timedelta(minutes=minutes)


def ended(sim: Commanded) -> dict[str, Any]:
    """How version 2 ended."""
    sim.run(400, lambda s: len(s.status["history"]) > 1)
    return last(sim)


def test_what_is_won_in_a_freeze_waits_and_is_promoted_after_it() -> None:
    sim = trying(BETTER)
    until = freeze(sim, 5)
    sim.run(120)
    assert (result(sim)["verdict"], result(sim)["outcome"]) == ("Superior", "Advance")
    assert sim.status["stage"]["name"] == "ab"
    assert sim.variants()["candidate"]["weight"] == "50%"
    assert sim.condition("AdvanceAllowed")[:2] == ("False", "Frozen")
    found = result(sim)
    sim.run(300, serves("2"))
    assert sim.now >= until
    assert last(sim)["outcome"] == "Promoted"
    assert last(sim)["abTest"] == found, "no look was taken after the last one"
    assert "skipped" not in last(sim)
    assert sim.client_errors == []


def test_what_is_undecided_at_the_end_goes_back_in_a_freeze_and_waits_for_a_person_who_holds_it() -> None:
    frozen = trying(EQUAL)
    until = freeze(frozen, 10)
    assert ended(frozen)["outcome"] == "Inconclusive"
    assert frozen.now < until
    held = trying(EQUAL)
    held.ask("Hold")
    held.run(120)
    assert (held.status["stage"]["name"], result(held)["outcome"]) == ("ab", "KeepStable")
    held.ask("Resume")
    assert ended(held)["outcome"] == "Inconclusive"


def test_a_breach_in_a_freeze_takes_a_winner_back() -> None:
    sim = trying(BETTER)
    until = freeze(sim, 10)
    sim.run(90)
    sim.versions["2"] = FAILING
    assert (ended(sim)["reason"], last(sim)["abTest"]["outcome"]) == ("GateBreached", "Advance")
    assert sim.now < until


BARRIERS = ("freeze", "hold", "pause", "ceiling")
OUTCOMES = {"better": (BETTER, "Promoted"), "worse": (WORSE, "RolledBack"), "equal": (EQUAL, "Inconclusive")}


def close(sim: Commanded, barrier: str) -> None:
    if barrier == "freeze":
        freeze(sim, 10)
    elif barrier == "hold":
        sim.ask("Hold")
    else:
        sim.edit(KEY, lambda s: s.update({"paused": True} if barrier == "pause" else {"advanceThrough": "shadow"}))


def opened(sim: Commanded, barrier: str) -> None:
    if barrier == "hold":
        sim.ask("Resume")
        return
    field = {"freeze": "freeze", "pause": "paused", "ceiling": "advanceThrough"}[barrier]
    sim.edit(KEY, lambda s: s.pop(field))


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(OUTCOMES)), st.sampled_from(BARRIERS), st.integers(0, 70), st.integers(1, 90))
def test_what_holds_a_rollout_back_changes_no_outcome_of_an_experiment(
    which: str, barrier: str, before: int, lasts: int
) -> None:
    second, outcome = OUTCOMES[which]
    sim = commanded(second, stages=[SHADOW, stage(50)])
    pin(sim, "2").run(300, in_stage("ab")).run(before)
    running = in_stage("ab")(sim)
    close(sim, barrier)
    for _ in range(lasts):
        sim.settle()
        assert not running or (sim.status.get("stage") or {}).get("type") != "Promote", "it went forward"
        sim.tick()
    opened(sim, barrier)
    assert (ended(sim)["outcome"], last(sim)["abTest"]["stage"]) == (outcome, "ab")
    assert sim.client_errors == []


def test_sign_off_after_an_experiment_keeps_its_split_its_evidence_and_its_gates() -> None:
    positives = {"name": "positives", "metric": "positive_rate", "op": ">=", "ratioToStable": "0.5"}
    approvals = {"name": "approvals", "template": {"name": "approvals"}, "op": ">=", "ratioToStable": "0.5"}
    sim = commanded(BETTER, stages=[{**stage(), "gates": [positives, approvals]}, SIGN_OFF])
    sim.put(TEMPLATE, spec=dict(APPROVALS))
    sim.prometheus.approvals = {"1": 0.4, "2": 0.5}
    pin(sim, "2").run(300, in_stage("ab"))
    epoch = sim.status["epoch"]
    sim.run(120, in_stage("sign-off")).run(120)
    assert (sim.status["stage"]["name"], sim.status["phase"]) == ("sign-off", "AwaitingApproval")
    assert (sim.variants()["candidate"]["weight"], sim.variants()["candidate"]["role"]) == ("50%", "ABTest")
    assert sim.status["epoch"] == epoch
    verdicts = {each["name"]: each["verdict"] for each in sim.status["gates"]}
    guards = ("errors", "p95", "positives", "approvals")
    assert verdicts == dict.fromkeys(guards, "Pass"), "the experiment is over, what guards it is not"
    sim.ask("Approve", by="rita", groups=["risk"], stage="sign-off")
    sim.run(60, serves("2"))
    assert (last(sim)["abTest"]["verdict"], last(sim)["requests"][0]["requester"]) == ("Superior", "rita")
    assert "skipped" not in last(sim)
    assert sim.client_errors == []


def test_a_winner_that_breaches_while_somebody_makes_up_their_mind_goes_back_with_its_experiment_in_history() -> None:
    sim = trying(BETTER, SIGN_OFF)
    sim.run(120, in_stage("sign-off")).run(5)
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.run(20)
    assert result(sim)["verdict"] == "Superior", "evidence began anew, the experiment is passed"
    sim.versions["2"] = FAILING
    assert (ended(sim)["reason"], last(sim)["stage"]) == ("GateBreached", "sign-off")
    assert last(sim)["abTest"]["verdict"] == "Superior"


def test_without_the_approval_the_undecided_is_not_asked_for_one() -> None:
    sim = trying(EQUAL, SIGN_OFF)
    assert (ended(sim)["outcome"], last(sim)["stage"]) == ("Inconclusive", "ab")


def test_sign_off_before_an_experiment_sends_no_traffic_and_leaves_stables_own_for_the_plan() -> None:
    sim = commanded(BETTER, stages=[SIGN_OFF, stage()])
    pin(sim, "2").run(300, in_stage("sign-off")).run(60)
    assert sim.variants()["candidate"]["weight"] == "0%"
    sim.ask("Approve", groups=["risk"], stage="sign-off")
    sim.run(5, in_stage("ab"))
    assert result(sim)["required"] > 0
    sim.run(300, serves("2"))
    assert last(sim)["abTest"]["verdict"] == "Superior"


@pytest.mark.parametrize("left_out", [SKIP, {"when": ["Redesign"]}], ids=["skip", "when"])
def test_an_experiment_behind_a_stage_that_is_passed_over_is_planned_all_the_same(left_out: dict[str, Any]) -> None:
    sim = commanded(BETTER, stages=[{**CANARY, **left_out}, stage()])
    sim.causes["2"] = "Refresh"
    sim.run(30)
    pin(sim, "2").run(300, in_stage("ab"))
    assert result(sim)["required"] > 0
    assert [each["name"] for each in sim.status["target"]["skipped"]] == ["canary-10"]


@pytest.mark.parametrize("left_out", [SKIP, {"when": ["Redesign"]}], ids=["skip", "when"])
def test_an_experiment_is_passed_over_as_any_stage(left_out: dict[str, Any]) -> None:
    sim = commanded(GOOD, stages=[CANARY, {**stage(), **left_out}])
    sim.causes["2"] = "Refresh"
    pin(sim, "2").run(300, serves("2"))
    assert [each["name"] for each in last(sim)["skipped"]] == ["ab"]
    assert "abTest" not in last(sim)


def test_a_running_experiment_that_gets_a_skip_is_left() -> None:
    sim = trying(EQUAL, CANARY)
    sim.edit(KEY, lambda s: s["stages"][0].update(SKIP))
    sim.run(10, in_stage("canary-10")).run(300, serves("2"))
    assert [each["name"] for each in last(sim)["skipped"]] == ["ab"]


def test_advance_leaves_an_experiment_and_history_says_that_it_was_not_over() -> None:
    sim = trying(EQUAL, CANARY)
    sim.run(10)
    sim.ask("Advance", stage="ab", reason="seen enough")
    sim.run(10, in_stage("canary-10"))
    assert sim.variants()["candidate"]["weight"] == "10%"
    sim.run(300, serves("2"))
    assert last(sim)["skipped"] == [{"name": "ab", "reason": "Advance by ada: seen enough"}]
    assert (last(sim)["abTest"]["verdict"], last(sim)["abTest"].get("outcome")) == ("Running", None)


def test_a_person_decides_what_an_open_end_holds_for_them() -> None:
    sim = trying(EQUAL, ifInconclusive="Hold")
    sim.run(120, lambda s: s.condition("Stalled")[1] == "ABTestInconclusive")
    refused = sim.ask("Advance", stage="ab")
    sim.run(2)
    assert sim.answer(refused) == ("Refused", "LastStage")
    sim.ask("Promote", reason="it is cheaper")
    sim.run(60, serves("2"))
    assert [(each["name"], each["reason"]) for each in last(sim)["skipped"]] == [
        ("ab", "Promote by ada: it is cheaper")
    ]
    assert last(sim)["abTest"]["verdict"] == "Inconclusive"


@pytest.mark.parametrize("end", ["KeepStable", "Hold"])
def test_a_promote_that_still_waits_beats_an_end_that_proved_nothing(end: str) -> None:
    sim = trying(EQUAL, ifInconclusive=end)
    sim.ask("Promote")
    sim.kill = always  # the word is written, and nothing after it
    sim.reconcile()
    sim.kill = lambda write: False
    assert sim.status["target"]["promote"]
    freeze(sim, 5)
    sim.run(120)
    assert (sim.status["stage"]["name"], result(sim)["outcome"]) == ("ab", end)
    assert sim.condition("Progressing")[1] == "Frozen"
    assert sim.condition("Stalled")[0] == "False", "nobody is waited for: somebody has spoken"
    sim.run(300, serves("2"))
    assert [each["name"] for each in last(sim)["skipped"]] == ["ab"]


@pytest.mark.parametrize("action", ["Promote", "Advance"])
def test_a_lost_experiment_beats_a_command(action: str) -> None:
    sim = commanded(WORSE, stages=[stage(50), CANARY], onBreach="Hold")
    pin(sim, "2").run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    request = sim.ask(action, stage="ab") if action == "Advance" else sim.ask(action)
    sim.settle()
    assert sim.answer(request) == ("Refused", "GateBreached")
    assert sim.status["stage"]["name"] == "ab"


def frozen_and_signed_off(sim: Commanded) -> None:
    freeze(sim, 3)
    sim.run(300, in_stage("sign-off")).run(3)
    sim.ask("Approve", groups=["risk"], stage="sign-off")
    sim.run(60, serves("2"))


def held_and_aborted(sim: Commanded) -> None:
    sim.ask("Hold")
    sim.run(90)
    sim.ask("Abort")
    sim.run(60, serves("1"))


def told(sim: Commanded) -> dict[str, Any]:
    """The end, without what depends on the second of a look."""
    entry, phases = last(sim), sorted((key.name, *sim.answer(key)) for key in sim.all_requests())
    test = {name: entry["abTest"].get(name) for name in ("stage", "design", "required", "verdict", "outcome")}
    return {**end_state(sim), "test": test, "phases": phases, "skipped": entry.get("skipped")}


@pytest.mark.sweep
@pytest.mark.parametrize("story", [frozen_and_signed_off, held_and_aborted])
@pytest.mark.parametrize("kill", [always, sometimes(3)], ids=["always", "dice"])
def test_kills_between_any_two_writes_change_nothing(story: Any, kill: Kill) -> None:
    ends = []
    for chosen in (lambda write: False, kill):
        sim = commanded(BETTER, stages=[CANARY, stage(), SIGN_OFF])
        sim.kill = chosen
        pin(sim, "2").run(300, in_stage("ab")).run(3)
        story(sim)
        sim.run(5)
        assert sim.client_errors == []
        ends.append(told(sim))
    assert ends[0] == ends[1]
