"""Which stages are passed, which are passed over, and what keeps a rollout from going on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.unit.core.commanded import SIGN_OFF, Commanded, commanded, last, patient, rolling
from tests.unit.core.simulation import KEY
from tests.unit.core.specs import FAILING, in_stage, pin, serves, spec


def passed(sim: Commanded) -> list[str]:
    """Names of the stages that the route was asked for, in order, since version 2 began."""
    return [name for kind, _, name, _ in sim.trace if kind in ("Shadow", "Canary", "Approval")]


def stages(**changes: Any) -> list[dict[str, Any]]:
    """The stages of `spec`, with fields for some of them by name."""
    return [{**each, **changes.get(each["name"].replace("-", "_"), {})} for each in spec()["stages"]]


@pytest.mark.long
def test_a_stage_with_skip_is_passed_over_and_history_says_why() -> None:
    sim = commanded(stages=stages(canary_10={"skip": {"reason": "ada: nobody works in August"}}))
    pin(sim, "2").run(300, serves("2"))
    assert passed(sim) == ["shadow", "canary-50"]
    reason = "spec.stages[canary-10].skip: ada: nobody works in August"
    assert last(sim)["skipped"] == [{"name": "canary-10", "reason": reason}]


def test_a_running_stage_that_gets_a_skip_is_left() -> None:
    sim = rolling("shadow", stages=patient())
    sim.edit(KEY, lambda s: s["stages"][0].update(skip={"reason": "urgent"}))
    sim.run(10, in_stage("canary-10"))


@pytest.mark.long
def test_a_skip_does_not_excuse_a_breach() -> None:
    sim = rolling("canary-10", FAILING, onBreach="Hold", stages=[patient()[1]])
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.edit(KEY, lambda s: s["stages"][0].update(skip={"reason": "urgent"}))
    sim.run(60)
    assert sim.status["stage"]["name"] == "canary-10"


@pytest.mark.long
@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("", ["shadow", "canary-10", "canary-50"]),
        ("Redesign", ["shadow", "canary-10", "canary-50"]),
        ("Refresh", ["shadow", "canary-50"]),
        ("Emergency", ["canary-50"]),
    ],
)
def test_causes_choose_their_stages(cause: str, expected: list[str]) -> None:
    sim = commanded(stages=stages(shadow={"when": ["Redesign", "Refresh"]}, canary_10={"when": ["Redesign"]}))
    sim.causes["2"] = cause
    pin(sim, "2").run(300, serves("2"))
    assert passed(sim) == expected
    assert last(sim).get("cause", "") == cause
    assert len(last(sim).get("skipped", [])) == 3 - len(expected)


@pytest.mark.long
def test_advance_through_is_a_ceiling_that_a_commit_raises() -> None:
    sim = commanded(advanceThrough="shadow")
    pin(sim, "2").run(300, in_stage("canary-10")).run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    assert sim.condition("AdvanceAllowed") == ("False", "CeilingReached", "advanceThrough is shadow")
    assert sim.status["stage"]["message"].endswith("advanceThrough is shadow")
    sim.edit(KEY, lambda s: s.update(advanceThrough="canary-10"))
    sim.run(60, in_stage("canary-50")).run(60)
    sim.edit(KEY, lambda s: s.update(advanceThrough="shadow"))
    sim.run(60)
    assert sim.status["stage"]["name"] == "canary-50", "lowering it moves no traffic back"
    assert sim.variants()["candidate"]["weight"] == "50%"
    sim.edit(KEY, lambda s: s.pop("advanceThrough"))
    sim.run(60, serves("2"))


@pytest.mark.long
def test_a_person_may_go_beyond_the_ceiling_and_history_says_so() -> None:
    sim = commanded(advanceThrough="shadow")
    pin(sim, "2").run(300, in_stage("canary-10")).run(60)
    sim.ask("Promote", reason="Git is away")
    sim.run(60, serves("2"))
    assert [each["name"] for each in last(sim)["skipped"]] == ["canary-10", "canary-50"]


def noon(minutes: int = 5) -> dict[str, Any]:
    """A freeze that begins five minutes after the simulation."""
    return {"freeze": [{"name": "sale", "cron": "5 12 23 11 *", "for": f"{minutes}m", "timeZone": "UTC"}]}


def frozen_until(sim: Commanded) -> datetime:
    return datetime.fromisoformat(sim.condition("AdvanceAllowed")[2].rpartition(" ")[2])


@pytest.mark.long
def test_a_freeze_stops_stages_and_says_until_when_and_a_rollback_goes_ahead() -> None:
    sim = commanded(**noon(10), stages=patient())
    pin(sim, "2").run(300, in_stage("shadow"))
    sim.run(400, lambda s: s.condition("AdvanceAllowed")[1] == "Frozen")
    assert frozen_until(sim) == datetime.fromisoformat("2026-11-23T12:15:00Z")
    sim.edit(KEY, lambda s: s.update(stages=spec()["stages"]))
    sim.run(60)
    assert sim.status["stage"]["name"] == "shadow"
    request = sim.ask("Advance", stage="shadow")
    sim.run(2)
    assert sim.answer(request) == ("Refused", "Frozen")
    sim.versions["2"] = FAILING
    sim.run(200, in_stage("rollback"))
    assert sim.now < frozen_until(sim)


@pytest.mark.long
def test_nothing_begins_in_a_freeze_and_the_end_of_it_needs_nobody() -> None:
    sim = commanded(**noon())
    sim.run(400, lambda s: s.condition("AdvanceAllowed")[1] == "Frozen")
    pin(sim, "2").run(60)
    assert "target" not in sim.status
    assert sim.condition("Progressing")[1] == "Frozen"
    sim.run(300, lambda s: "target" in s.status)
    assert sim.now >= datetime.fromisoformat("2026-11-23T12:10:00Z")
    sim.run(300, serves("2"))


@pytest.mark.long
def test_the_kept_version_is_returned_to_in_a_freeze_and_in_a_pause() -> None:
    sim = commanded(**noon(60), paused=False)
    pin(sim, "2").run(280, serves("2"))
    sim.run(300, lambda s: s.condition("AdvanceAllowed")[1] == "Frozen")
    sim.edit(KEY, lambda s: s.update(paused=True))
    pin(sim, "1").run(10, serves("1"))


@pytest.mark.long
def test_sign_off_keeps_the_traffic_before_it_and_waits_for_a_member() -> None:
    sim = commanded(stages=[*spec()["stages"], SIGN_OFF])
    pin(sim, "2").run(300, in_stage("sign-off"))
    epoch, gates = sim.status["epoch"], {each["name"] for each in sim.status["gates"]}
    sim.run(120)
    assert (sim.status["stage"]["name"], sim.status["phase"]) == ("sign-off", "AwaitingApproval")
    assert sim.variants()["candidate"]["weight"] == "50%"
    assert sim.status["epoch"] == epoch, "the split is the same, so its evidence goes on"
    assert gates == {"errors", "p95"}
    assert sim.condition("Ready")[0] == "True"
    assert (sim.condition("Reconciling")[0], sim.condition("Stalled")[0]) == ("False", "False")
    assert sim.condition("Progressing")[1] == "AwaitingApproval"
    assert "risk or audit" in sim.condition("Progressing")[2]
    request = sim.ask("Approve", by="eve", groups=["sales"], stage="sign-off")
    sim.run(2)
    assert sim.answer(request) == ("Refused", "NotInGroup")
    sim.ask("Approve", by="rita", groups=["sales", "risk"], stage="sign-off", reason="the audit is done")
    sim.run(60, serves("2"))
    (approval,) = last(sim)["requests"]
    assert (approval["requester"], approval["groups"], approval["stage"]) == ("rita", ["sales", "risk"], "sign-off")
    assert approval["reason"] == "the audit is done"
    assert "skipped" not in last(sim)
    assert sim.client_errors == []


@pytest.mark.long
@pytest.mark.parametrize("before", ["shadow", "canary-10"])
def test_gates_stay_enforced_while_somebody_makes_up_their_mind(before: str) -> None:
    positives = {"name": "positives", "metric": "positive_rate", "op": ">=", "ratioToStable": "0.5"}
    stage = next({**each, "gates": [positives]} for each in spec()["stages"] if each["name"] == before)
    sim = commanded(stages=[stage, SIGN_OFF])
    pin(sim, "2").run(300, in_stage("sign-off")).run(10)
    assert "positives" in {each["name"] for each in sim.status["gates"]}, "the gates of the stage before hold on"
    sim.versions["2"] = FAILING
    sim.run(300, in_stage("rollback"))
    assert last(sim)["stage"] == "sign-off"


@pytest.mark.long
def test_sign_off_before_any_traffic_sends_none() -> None:
    sim = commanded(stages=[SIGN_OFF, *spec()["stages"]])
    pin(sim, "2").run(300, in_stage("sign-off")).run(60)
    assert sim.variants()["candidate"]["weight"] == "0%"
    assert sim.condition("Progressing")[1] == "AwaitingApproval"
    sim.ask("Approve", groups=["audit"])
    sim.run(300, serves("2"))
    assert passed(sim) == ["sign-off", "shadow", "canary-10", "canary-50"]


@pytest.mark.long
def test_promote_does_not_sign_off_in_the_place_of_others() -> None:
    sim = rolling("shadow", stages=patient(SIGN_OFF, place=2))
    sim.ask("Promote")
    sim.run(60, in_stage("sign-off")).run(60)
    assert sim.variants()["candidate"].get("mirror") == "100%", "no traffic for which there is no evidence"
    assert sim.variants()["candidate"]["weight"] == "0%"
    sim.ask("Approve", by="rita", groups=["risk"], stage="sign-off")
    sim.run(60, serves("2"))
    assert [each["name"] for each in last(sim)["skipped"]] == ["shadow", "canary-10", "canary-50"]


@pytest.mark.long
def test_what_is_approved_in_a_freeze_passes_after_it() -> None:
    sim = commanded(**noon(), stages=[SIGN_OFF, *spec()["stages"]])
    pin(sim, "2").run(280, in_stage("sign-off"))
    sim.run(400, lambda s: s.condition("AdvanceAllowed")[1] == "Frozen")
    request = sim.ask("Approve", groups=["risk"], stage="sign-off")
    sim.run(60)
    assert sim.answer(request) == ("Applied", "Approve")
    assert sim.status["stage"]["name"] == "sign-off"
    sim.run(300, in_stage("shadow"))
