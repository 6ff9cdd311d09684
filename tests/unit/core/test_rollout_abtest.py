"""An experiment from its plan to its end on the simulated cluster; and the operator dies between any two writes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.experiments import BETTER, EQUAL, TEMPLATE, WORSE, experimenting, result
from tests.unit.core.simulation import KEY, ROUTE, TASK, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec
from tests.unit.core.test_rollout_kills import always, end_state, sometimes
from tests.unit.core.traffic_model import APPROVALS

CANARY = spec()["stages"][1]
IN_VAIN = {"effect": {"value": "1%", "kind": "Relative"}}


def entry(sim: Simulation) -> dict[str, Any]:
    """How version 2 ended."""
    found: dict[str, Any] = next(h for h in sim.status["history"] if h["version"] == "2")
    return found


def ended(sim: Simulation) -> Simulation:
    return sim.run(300, lambda s: len(s.status["history"]) > 1)


def primary(sim: Simulation) -> dict[str, Any]:
    """The deciding metric among the gates."""
    found: dict[str, Any] = next(gate for gate in sim.status["gates"] if gate["name"] == "ab.primary")
    return found


@pytest.mark.long
def test_a_better_candidate_wins_and_history_keeps_the_experiment() -> None:
    sim = pin(experimenting(BETTER), "2").run(300, serves("2"))
    assert (entry(sim)["outcome"], entry(sim)["abTest"]["verdict"]) == ("Promoted", "Superior")
    assert "endedAt" not in entry(sim)["abTest"], "won before the end"
    assert float(entry(sim)["abTest"]["low"].rstrip("%")) > 0
    assert [gate["verdict"] for gate in entry(sim)["gates"] if gate["name"] == "ab.primary"] == ["Pass"]
    assert "abTest" not in sim.status
    assert sim.client_errors == []


def test_a_worse_one_is_rolled_back_at_once_and_not_tried_again() -> None:
    sim = ended(pin(experimenting(WORSE, seconds=50), "2"))
    assert (entry(sim)["outcome"], entry(sim)["reason"]) == ("RolledBack", "ABTestLost")
    assert "is surely worse than > 0%" in entry(sim)["message"]
    assert entry(sim)["abTest"]["verdict"] == "Worse"
    sim.run(120, serves("1"))
    assert [each["reason"] for each in sim.status["rejected"]] == ["ABTestLost"]


@pytest.mark.long
def test_what_is_undecided_at_the_end_is_inconclusive_and_stable_stays() -> None:
    sim = ended(pin(experimenting(EQUAL), "2"))
    assert (entry(sim)["outcome"], entry(sim)["reason"]) == ("Inconclusive", "ABTestInconclusive")
    assert entry(sim)["abTest"]["verdict"] == "Inconclusive"
    assert entry(sim)["abTest"]["estimate"]
    assert "the last look" in entry(sim)["message"]
    sim.run(120, serves("1"))
    assert sim.client_errors == []


@pytest.mark.long
def test_if_inconclusive_promote_promotes_what_was_measured() -> None:
    sim = pin(experimenting(EQUAL, ifInconclusive="Promote"), "2").run(300, serves("2"))
    assert (entry(sim)["outcome"], entry(sim)["abTest"]["verdict"]) == ("Promoted", "Inconclusive")


@pytest.mark.long
def test_if_inconclusive_hold_waits_for_a_person_and_guards_still_act() -> None:
    sim = pin(experimenting(EQUAL, ifInconclusive="Hold"), "2")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "ABTestInconclusive").run(120)
    assert (sim.status["phase"], sim.status["stage"]["name"]) == ("Held", "ab")
    assert sim.variants()["candidate"]["weight"] == "50%"
    sim.versions["2"] = FAILING
    assert entry(ended(sim))["reason"] == "GateBreached"


@pytest.mark.long
def test_nothing_measured_is_never_promoted() -> None:
    sim = experimenting(BETTER, metric="net_value", ifInconclusive="Promote")
    assert entry(ended(pin(sim, "2")))["outcome"] == "Inconclusive"


@pytest.mark.long
def test_the_plan_is_there_from_the_start_and_an_experiment_that_cannot_finish_is_told_of_at_once() -> None:
    sim = pin(experimenting(EQUAL, CANARY, **IN_VAIN), "2").run(300, in_stage("ab"))
    begun = result(sim)
    assert begun["required"] > 10_000
    assert begun["expectedDays"] == 1
    assert begun["detectable"].endswith("%")
    assert begun["baseline"] == "40%"
    assert "entities within" in begun["basis"]
    assert sim.notices.count("ABTestUnderpowered") == 1
    sim.run(3)
    assert sim.condition("ABTestUnderpowered")[:2] == ("True", "TooFewEntities")
    assert sim.notices.count("ABTestUnderpowered") == 1
    sim.run(300, serves("1"))
    assert sim.condition("ABTestUnderpowered") == ("", "", "")


@pytest.mark.long
def test_without_a_stage_before_it_stables_own_traffic_is_the_pilot() -> None:
    sim = experimenting(BETTER)
    sim.run(30)
    pin(sim, "2").run(300, in_stage("ab"))
    assert result(sim)["required"] > 0
    assert "ABTestUnderpowered" not in sim.notices


@pytest.mark.long
def test_arms_that_do_not_meet_the_entities_assigned_to_them_decide_nothing() -> None:
    sim = pin(experimenting(BETTER, weight="40%"), "2").run(300, in_stage("ab"))
    sim.skew = 0.3
    sim.run(50)
    assert primary(sim)["verdict"] == "Invalid"
    assert sim.condition("ExperimentValid")[:2] == ("False", "InvalidData")
    assert sim.status["stage"]["name"] == "ab"
    assert entry(ended(sim))["outcome"] == "Inconclusive"


@pytest.mark.long
def test_a_guard_outranks_the_metric_that_decides() -> None:
    sim = experimenting(FAILING, metric="error_rate", better="Lower")
    assert entry(ended(pin(sim, "2")))["reason"] == "GateBreached"


@pytest.mark.long
def test_a_winner_waits_for_its_time() -> None:
    sim = pin(experimenting(BETTER, seconds=40), "2").run(300, lambda s: result(s).get("verdict") == "Superior")
    assert sim.status["stage"]["name"] == "ab"
    sim.run(300, serves("2"))
    begun, over = (entry(sim)["abTest"]["endsAt"], entry(sim)["endedAt"])
    assert begun[:10] == over[:10]


@pytest.mark.long
def test_a_pause_keeps_the_verdict_of_the_last_look() -> None:
    sim = pin(experimenting(EQUAL), "2").run(300, in_stage("ab"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(100)
    last = result(sim)
    assert (last["verdict"], last["outcome"]) == ("Inconclusive", "KeepStable")
    sim.versions["2"] = BETTER
    sim.run(60)
    assert result(sim) == last, "a look after the last one"
    sim.edit(KEY, lambda s: s.update(paused=False))
    assert entry(ended(sim))["outcome"] == "Inconclusive"


@pytest.mark.long
def test_a_winner_of_the_last_look_stays_one_when_its_evidence_begins_anew_under_a_pause() -> None:
    sim = pin(experimenting(BETTER), "2").run(300, in_stage("ab"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(100)
    assert result(sim)["outcome"] == "Advance"
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.run(20)
    assert (primary(sim)["verdict"], result(sim)["outcome"]) == ("Pass", "Advance")
    sim.edit(KEY, lambda s: s.update(paused=False))
    sim.run(100, serves("2"))


@pytest.mark.long
def test_the_end_that_is_shown_is_that_of_the_experiment() -> None:
    sim = pin(experimenting(EQUAL), "2").run(300, in_stage("ab")).run(10)
    assert sim.status["stage"]["expectedEnd"] == result(sim)["endsAt"]


@pytest.mark.long
def test_an_outage_at_the_end_does_not_waste_the_experiment() -> None:
    sim = pin(experimenting(BETTER, seconds=20, atMost="10m"), "2").run(300, in_stage("ab"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(60).prometheus_up = False
    sim.run(560)
    assert "endedAt" not in result(sim)
    sim.prometheus_up = True
    sim.run(20)
    assert result(sim)["outcome"] == "Advance"


@pytest.mark.long
def test_an_experiment_that_is_changed_begins_anew() -> None:
    sim = pin(experimenting(EQUAL), "2").run(300, in_stage("ab")).run(20)
    epoch = sim.status["epoch"]
    sim.edit(KEY, lambda s: s["stages"][0]["abTest"].update(alpha="0.2"))
    sim.run(2)
    assert sim.status["epoch"] > epoch
    assert "estimate" not in result(sim)
    sim.edit(KEY, lambda s: s["stages"][0]["abTest"].update(ifInconclusive="Promote"))
    sim.run(2)
    assert sim.status["epoch"] == epoch + 1
    sim.run(300, serves("2"))


@pytest.mark.long
def test_new_evidence_forgets_what_was_seen_but_not_the_end_and_has_less_of_alpha() -> None:
    sim = pin(experimenting(EQUAL, CANARY, atMost="10m"), "2").run(300, in_stage("ab")).run(20)
    before = result(sim)
    for restarts in (1, 2):
        sim.edit(ROUTE, lambda s: s["rules"].reverse())
        sim.run(1)
        assert "estimate" not in result(sim)
        assert (result(sim)["endsAt"], result(sim)["restarts"]) == (before["endsAt"], restarts)
        sim.run(30)
    assert result(sim)["required"] > before["required"], "a smaller error takes more entities"
    entry = next(gate for gate in sim.status["gates"] if gate["name"] == "ab.primary")
    assert "alpha is 0.00417, since evidence began anew 2 times" in entry["message"]
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.run(1)
    assert result(sim)["restarts"] == 3, "what nobody has looked at has spent nothing"
    sim.edit(KEY, lambda s: s["stages"][-1].update(name="again"))
    sim.run(2)
    assert (result(sim)["stage"], result(sim)["restarts"]) == ("again", 3)


@pytest.mark.long
def test_between_planned_looks_nothing_is_written_of_the_effect() -> None:
    grouped = {"method": "GroupSequential", "groupSequential": {"looks": 3}}
    sim = pin(experimenting(BETTER, **grouped), "2").run(300, serves("2"))
    looks = entry(sim)["abTest"]["looks"]
    assert 1 <= len(looks) <= 3
    assert [each["verdict"] for each in looks][-1] == "Pass"


@pytest.mark.long
def test_a_template_decides_and_its_queries_are_of_this_rollout_alone() -> None:
    sim = experimenting(GOOD, metric="approval_rate")
    sim.put(TEMPLATE, spec=dict(APPROVALS))
    sim.edit(TASK, lambda s: s.update(businessMetrics=[{"name": "approval_rate", "template": {"name": "approvals"}}]))
    sim.prometheus.approvals = {"1": 0.4, "2": 0.5}
    pin(sim, "2").run(300, serves("2"))
    assert entry(sim)["abTest"]["metric"] == "approval_rate"
    deltas = {each["name"]: each for each in entry(sim)["abTest"]["deltas"]}
    assert deltas["approval_rate"]["kind"] == "Business"
    assert deltas["positive_rate"]["relative"] == "0%"
    assert all('rollout=~"ns/fraud"' in text for text in sim.prometheus.templated)


@pytest.mark.long
def test_the_business_stands_beside_the_model_in_every_stage_with_live_traffic() -> None:
    sim = experimenting(GOOD, CANARY)
    sim.put(TEMPLATE, spec=dict(APPROVALS))
    sim.edit(TASK, lambda s: s.update(businessMetrics=[{"name": "approval_rate", "template": {"name": "approvals"}}]))
    sim.prometheus.approvals = {"1": 0.4, "2": 0.5}
    pin(sim, "2")
    for stage in (CANARY["name"], "ab"):
        sim.run(300, lambda s, stage=stage: in_stage(stage)(s) and len(s.status.get("sideBySide") or ()) == 2)
        shown = {each["name"]: each for each in sim.status["sideBySide"]}
        assert (shown["positive_rate"]["kind"], shown["approval_rate"]["kind"]) == ("Model", "Business"), stage
    ended(sim)
    assert "sideBySide" not in sim.status
    (together,) = sim.status["metricsTogether"]
    assert (together["name"], together["verdict"]) == ("positive_rate/approval_rate", "InsufficientData")


STORIES = {"wins": BETTER, "loses": WORSE, "open": EQUAL}


def story(second: Any, kill: Any) -> Simulation:
    sim = experimenting(second, CANARY)
    sim.kill = kill
    return ended(pin(sim, "2")).run(60)


def outcome(sim: Simulation) -> dict[str, Any]:
    """The end, without what depends on the second of a look."""
    kept = ("stage", "metric", "design", "required", "verdict", "outcome")
    return {**end_state(sim), "experiment": {name: entry(sim)["abTest"].get(name) for name in kept}}


@pytest.mark.long
@pytest.mark.parametrize("second", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("kill", [always, sometimes(3)], ids=["always", "dice"])
def test_kills_between_any_two_writes_change_nothing(second: Any, kill: Any) -> None:
    undisturbed, killed = story(second, lambda write: False), story(second, kill)
    assert outcome(killed) == outcome(undisturbed)
    assert killed.client_errors == []
