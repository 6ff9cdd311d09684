"""Each action of a RolloutRequest: what it does, what it leaves in history, when it is refused."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from tests.unit.core.commanded import SIGN_OFF, Commanded, ask_now, asked, commanded, last, patient, rolling, weights
from tests.unit.core.simulation import KEY
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec

MEASURED = ("shadow", "canary-10", "canary-50")


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "prove", "start", "shadow", "canary-10", "canary-50"])
def test_abort_takes_all_traffic_keeps_the_evidence_and_rejects_the_model(stage: str) -> None:
    sim = commanded()
    pin(sim, "2").run(300, in_stage(stage)).run(8 if stage in MEASURED else 0)
    request = sim.ask("Abort", reason="complaints from Milan")
    sim.run(2)
    assert weights(sim) == {"1": 1.0}
    sim.run(60, serves("1")).run(30)
    assert sim.answer(request) == ("Applied", "Abort")
    entry = last(sim)
    assert (entry["outcome"], entry["reason"], entry["stage"]) == ("Aborted", "AbortRequested", stage)
    assert entry["message"] == "aborted by ada: complaints from Milan"
    assert asked(entry) == [("Abort", "ada", "complaints from Milan")]
    assert bool(entry.get("gates")) == (stage in MEASURED)
    assert sim.condition("Progressing")[1] == "Rejected"
    assert sim.client_errors == []


def test_abort_is_accepted_first_and_applied_once_the_gateway_carries_it() -> None:
    sim = rolling("canary-10")
    request = sim.ask("Abort")
    sim.settle()
    assert sim.answer(request) == ("Accepted", "Abort")
    sim.tick()
    sim.settle()
    assert sim.answer(request) == ("Applied", "Abort")


def test_a_first_revision_that_nothing_could_replace_is_not_aborted_once_it_serves() -> None:
    sim = Commanded(spec(), {"1": GOOD})
    sim.run(60, in_stage("promote"))
    assert sim.answer(ask_now(sim, "Abort")) == ("Refused", "NothingElseServes")
    sim.run(30, serves("1"))


def test_advance_leaves_a_stage_before_its_time_and_says_so_in_history() -> None:
    sim = rolling("shadow", stages=patient())
    sim.ask("Advance", reason="seen enough", stage="shadow")
    sim.run(10, in_stage("canary-10")).run(60)
    assert sim.status["stage"]["name"] == "canary-10", "one stage, not two"
    assert weights(sim)["2"] == pytest.approx(0.1, abs=0.01)
    sim.ask("Abort")
    sim.run(60, serves("1"))
    assert last(sim)["skipped"] == [{"name": "shadow", "reason": "Advance by ada: seen enough"}]
    assert asked(last(sim)) == [("Abort", "ada", "told to"), ("Advance", "ada", "seen enough")]


def test_two_who_advance_the_same_stage_pass_one_stage() -> None:
    sim = rolling("shadow", stages=patient())
    first, second = sim.ask("Advance"), sim.ask("Advance", by="bob")
    sim.run(20)
    assert sim.status["stage"]["name"] == "canary-10"
    assert sim.answer(first) == ("Applied", "Advance")
    assert sim.answer(second)[0] == "Refused"
    late = sim.ask("Advance", by="cleo", stage="shadow")
    sim.run(5)
    assert sim.answer(late) == ("Refused", "Stale")


def test_the_last_stage_takes_promote_and_promote_passes_all() -> None:
    sim = rolling("shadow", stages=patient())
    sim.ask("Promote", reason="the old one is broken")
    sim.run(60, serves("2"))
    assert [(each["name"], each["reason"]) for each in last(sim)["skipped"]] == [
        (name, "Promote by ada: the old one is broken") for name in ("shadow", "canary-10", "canary-50")
    ]
    assert asked(last(sim)) == [("Promote", "ada", "the old one is broken")]
    assert sim.variants()["previous"]["version"] == "1"
    assert sim.client_errors == []
    again = rolling("canary-50", stages=patient()[-1:])
    assert again.answer(ask_now(again, "Advance", stage="canary-50")) == ("Refused", "LastStage")


def test_promote_while_the_candidate_starts_stands_until_it_can_serve() -> None:
    sim = commanded()
    pin(sim, "2").run(300, in_stage("start"))
    sim.ask("Promote")
    sim.run(60, serves("2"))
    assert [line for line in sim.trace if line[0] in ("Shadow", "Canary")] == []
    assert sim.client_errors == []


def test_a_breach_beats_any_command() -> None:
    sim = rolling("shadow", stages=patient())
    sim.versions["2"] = FAILING
    while not breaches_now(sim):
        sim.settle()
        sim.tick()
    requests = [sim.ask("Promote"), sim.ask("Advance", stage="shadow"), sim.ask("Abort"), sim.ask("Hold")]
    sim.settle()
    assert (last(sim)["outcome"], last(sim)["reason"]) == ("RolledBack", "GateBreached")
    assert [sim.answer(request) for request in requests[:3]] == [("Refused", "NothingRunning")] * 3
    assert sim.answer(requests[3]) == ("Applied", "Hold")
    assert sim.run(60, serves("1")).client_errors == []


def breaches_now(sim: Commanded) -> bool:
    """Whether a decision without requests would roll back at this instant."""
    twin = copy.copy(sim)
    twin.objects = copy.deepcopy(sim.objects)
    plan = twin.reconcile()
    history = ((plan.status if plan else None) or {}).get("history", [])
    return bool(history) and history[0]["reason"] == "GateBreached"


def test_a_held_breach_is_not_passed_by_a_person_either() -> None:
    sim = rolling("shadow", FAILING, stages=patient(), onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    for action in ("Advance", "Promote"):
        assert sim.answer(ask_now(sim, action)) == ("Refused", "GateBreached")
    assert sim.status["stage"]["name"] == "shadow"


def test_a_gate_that_a_person_has_changed_forgets_its_breach() -> None:
    sim = rolling("shadow", FAILING, stages=patient(), onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.edit(KEY, lambda s: next(g for g in s["gates"] if g["name"] == "errors").update(bound="90%"))
    sim.run(30)
    errors = next(gate for gate in sim.status["gates"] if gate["name"] == "errors")
    assert (errors["verdict"], errors.get("breaches", 0)) == ("Pass", 0)
    assert sim.answer(ask_now(sim, "Advance")) == ("Applied", "Advance")


def test_what_a_dry_run_has_breached_is_not_held_against_the_gate_that_is_enforced() -> None:
    dry = {"name": "errors", "metric": "error_rate", "op": "<=", "bound": "1%", "enforcement": "DryRun"}
    sim = rolling("shadow", FAILING, stages=patient(), gates=[dry])
    sim.run(300, lambda s: any(gate.get("breaches") for gate in s.status["gates"]))
    sim.edit(KEY, lambda s: s["gates"][0].update(bound="90%", enforcement="Enforce"))
    sim.run(60)
    assert sim.status["stage"]["name"] == "shadow"


@pytest.mark.long
def test_hold_stops_everything_but_the_way_back() -> None:
    sim = rolling("canary-10")
    sim.ask("Hold", reason="wait for Milan")
    sim.run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    assert (sim.status["phase"], sim.status["held"]["by"]) == ("Paused", "ada")
    assert sim.condition("AdvanceAllowed")[:2] == ("False", "Held")
    assert "wait for Milan" in sim.condition("AdvanceAllowed")[2]
    for action in ("Advance", "Promote"):
        assert sim.answer(ask_now(sim, action)) == ("Refused", "Held")
    assert sim.answer(ask_now(sim, "Hold")) == ("Refused", "AlreadyHeld")
    sim.versions["2"] = FAILING
    sim.run(300, in_stage("rollback"))


def test_resume_ends_a_hold_and_nothing_else() -> None:
    sim = rolling("canary-10")
    assert sim.answer(ask_now(sim, "Resume")) == ("Refused", "NotHeld")
    ask_now(sim, "Hold")
    sim.run(60)
    sim.ask("Resume")
    sim.run(300, serves("2"))
    assert sim.condition("AdvanceAllowed") == ("", "", "")


@pytest.mark.parametrize("action", ["Advance", "Promote", "Abort", "Hold"])
def test_a_stale_revision_is_refused_and_changes_nothing(action: str) -> None:
    sim = rolling("canary-10", stages=patient()[1:])
    sim.settle()
    before = {k: v for k, v in sim.status.items() if k not in ("requests", "conditions")}
    request = ask_now(sim, action, revision="0000")
    assert sim.answer(request) == ("Refused", "Stale")
    assert {k: v for k, v in sim.status.items() if k not in ("requests", "conditions")} == before


def test_nothing_is_promoted_before_it_has_an_image_or_without_an_evaluation() -> None:
    sim = commanded()
    pin(sim, "2").run(300, in_stage("build"))
    assert sim.answer(ask_now(sim, "Promote")) == ("Refused", "NotReady")
    sim.run(300, in_stage("shadow"))
    sim.evaluation = "failed"
    assert sim.answer(ask_now(sim, "Promote")) == ("Refused", "NotCertified")


def test_requests_of_a_spec_that_cannot_be_followed_are_refused() -> None:
    sim = rolling("canary-10")
    sim.edit(KEY, lambda s: s.update(traffic={"type": "Knative"}))
    request = ask_now(sim, "Abort")
    assert sim.answer(request) == ("Refused", "InvalidSpec")
    assert "mend the rollout's spec first" in sim.objects[request]["status"]["message"]


def test_answers_are_kept_and_requests_go_after_a_day() -> None:
    sim = commanded()
    for _ in range(25):
        sim.ask("Abort")
    sim.run(3)
    assert {sim.answer(key) for key in sim.all_requests()} == {("Refused", "NothingRunning")}
    assert len(sim.status["requests"]) <= 25
    sim.now += timedelta(hours=24)
    sim.settle()
    assert sim.all_requests() == []
    sim.ask("Hold")
    sim.run(2)
    assert len(sim.status["requests"]) == 20


def test_an_approval_is_not_what_advance_is_for() -> None:
    sim = rolling("sign-off", stages=[SIGN_OFF, *patient()])
    assert sim.answer(ask_now(sim, "Advance", stage="sign-off")) == ("Refused", "NeedsApproval")
