"""What is held for a person stays held: no command, no time that passes and no new evidence lets it go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import SIGN_OFF, Commanded, commanded, last, patient, rolling
from tests.unit.core.experiments import BETTER, EQUAL, WORSE, result, stage
from tests.unit.core.ledgers import chain, decisions
from tests.unit.core.simulation import KEY, ROUTE
from tests.unit.core.specs import FAILING, GOOD, NEVER_POSITIVE, in_stage, pin, serves, spec
from tests.unit.core.traffic_model import Behaviour

CANARY = spec()["stages"][1]


def freeze(sim: Commanded, minutes: int) -> None:
    """A window that began with this minute."""
    start = sim.now.replace(second=0)
    window = {"name": "sale", "cron": f"{start:%M %H %d %m} *", "for": f"{minutes}m", "timeZone": "UTC"}
    sim.edit(KEY, lambda s: s.update(freeze=[window]))


def answer(sim: Commanded, action: str, **more: Any) -> tuple[str, str]:
    request = sim.ask(action, **more)
    sim.settle()
    return sim.answer(request)


@remembered
def promised(**changes: Any) -> Commanded:
    """A person has asked for promotion, another has signed off, and a freeze of five minutes delays it."""
    sim = rolling("canary-10", stages=[CANARY, SIGN_OFF], **changes)
    assert answer(sim, "Promote") == ("Applied", "Promote")
    sim.run(30, in_stage("sign-off"))
    freeze(sim, 5)
    assert answer(sim, "Approve", groups=["risk"], stage="sign-off") == ("Applied", "Approve")
    return sim


@pytest.mark.long
def test_promote_and_approval_together_do_not_pass_a_breach() -> None:
    sim = promised(onBreach="Hold")
    sim.versions["2"] = FAILING
    sim.run(200, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.run(400)
    assert sim.condition("AdvanceAllowed") == ("", "", ""), "the freeze is over"
    assert (sim.status["stage"]["name"], sim.variants()["candidate"]["weight"]) == ("sign-off", "10%")
    assert sim.status["phase"] == "Held"


@pytest.mark.long
def test_promote_and_approval_together_send_no_traffic_to_fewer_replicas_than_asked_for() -> None:
    sim = promised(predictor={"minReplicas": 4})
    sim.unready[sim.variants()["candidate"]["inferenceService"]] = 3
    sim.run(400)
    assert sim.condition("AdvanceAllowed") == ("", "", ""), "the freeze is over"
    assert (sim.status["stage"]["name"], sim.variants()["candidate"]["weight"]) == ("sign-off", "10%")
    assert "the candidate is not ready: 1 of 4 replicas" in sim.status["stage"]["message"]
    sim.unready.clear()
    sim.run(30, serves("2"))


def restarts(sim: Commanded) -> None:
    """The candidate's pods are gone for a while: stable serves all."""
    name = sim.variants()["candidate"]["inferenceService"]
    sim.unready[name] = 1
    sim.run(10, lambda s: "withheldSince" in s.status["stage"])
    sim.unready.clear()
    sim.run(30, lambda s: "withheldSince" not in s.status["stage"])


DISTURBED: dict[str, Callable[[Commanded], object]] = {
    "hostnames": lambda sim: sim.edit(KEY, lambda s: s["traffic"]["gatewayAPI"].update(hostnames=["b.example.com"])),
    "route": lambda sim: sim.edit(ROUTE, lambda s: s["rules"].reverse()),
    "pods": restarts,
    "weight": lambda sim: sim.edit(KEY, lambda s: s["stages"][0]["canary"].update(weight="5%")),
}


@pytest.mark.long
@pytest.mark.parametrize("disturb", DISTURBED.values(), ids=DISTURBED)
def test_a_held_breach_outlives_the_evidence_that_it_came_from(disturb: Callable[[Commanded], object]) -> None:
    sim = rolling("canary-10", FAILING, stages=patient()[1:], onBreach="Hold")
    sim.run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    epoch, sim.versions["2"] = sim.status["epoch"], GOOD
    disturb(sim)
    sim.run(60)
    assert sim.status["epoch"] > epoch
    assert answer(sim, "Advance", stage="canary-10") == ("Refused", "GateBreached")
    assert (sim.status["stage"]["name"], sim.status["phase"]) == ("canary-10", "Held")
    assert [kind for kind, *_ in decisions(sim)].count("Breached") == 1


def stages(**changes: Any) -> list[dict[str, Any]]:
    return [{**CANARY, **changes}, {**CANARY, "name": "canary-20", "canary": {"weight": "20%"}}]


@pytest.mark.long
@pytest.mark.parametrize(
    ("second", "of", "reason", "says"),
    [
        (GOOD, stages(), "AllStagesPassed", "version 2 serves all traffic"),
        (GOOD, stages(when=["Refresh"]), "StagesPassedOver", "version 2 serves all traffic: without canary-10"),
        (GOOD, stages(skip={"reason": "now"}), "StagesPassedOver", "version 2 serves all traffic: without canary-10"),
        (
            EQUAL,
            [stage(ifInconclusive="Promote")],
            "Inconclusive",
            "version 2 serves all traffic: experiment ab ended undecided, and its ifInconclusive is Promote",
        ),
    ],
)
def test_history_and_ledger_say_why_a_version_was_promoted(
    second: Behaviour, of: list[dict[str, Any]], reason: str, says: str
) -> None:
    sim = pin(commanded(second, stages=of), "2").run(300, serves("2"))
    assert (last(sim)["reason"], last(sim)["message"]) == (reason, says)
    assert [entry["reason"] for entry in chain(sim).entries if entry["decision"] == "Promoted"][-1] == reason


@pytest.mark.long
def test_what_a_person_has_promoted_is_said_to_be() -> None:
    sim = rolling("canary-10", stages=patient()[1:])
    assert answer(sim, "Promote", reason="the old one is broken") == ("Applied", "Promote")
    sim.run(60, serves("2"))
    assert last(sim)["reason"] == "PromoteRequested"
    assert last(sim)["message"] == "version 2 serves all traffic: Promote by ada: the old one is broken"


@pytest.mark.long
def test_what_only_warns_is_forgotten_with_the_stage() -> None:
    warning = {"name": "warning", "metric": "error_rate", "op": "<=", "bound": "5%", "enforcement": "DryRun"}
    sim = rolling("canary-10", FAILING, stages=patient()[1:], gates=[warning])
    sim.run(300, lambda s: any(each.get("breaches") for each in s.status.get("gates", ())))
    sim.versions["2"] = GOOD
    assert answer(sim, "Advance", stage="canary-10") == ("Applied", "Advance")
    sim.run(30, in_stage("canary-50"))
    assert not any(each.get("breaches") for each in sim.status.get("gates", ()))


@pytest.mark.long
def test_a_lost_experiment_outlives_its_evidence_and_begins_anew_only_as_another_one() -> None:
    sim = lost()
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.run(60)
    assert (result(sim)["verdict"], sim.status["phase"]) == ("Worse", "Held")
    sim.edit(KEY, lambda s: s["stages"][0]["abTest"].update(atMost="20m"))
    sim.run(60, serves("2"))


@remembered
def signing() -> Commanded:
    """Version 2 waits for a person behind a canary of 10% with a gate of its own."""
    sim = rolling("sign-off", stages=[CANARY, SIGN_OFF])
    sim.run(10)
    assert gates(sim) == {"errors", "p95", "positives"}
    return sim


def gates(sim: Commanded) -> set[str]:
    return {each["name"] for each in sim.status["gates"]}


@pytest.mark.long
def test_gates_of_the_stage_before_hold_on_in_an_approval_when_its_weight_is_edited() -> None:
    sim = signing()
    sim.edit(KEY, lambda s: s["stages"][0]["canary"].update(weight="5%"))
    sim.run(20)
    assert gates(sim) == {"errors", "p95", "positives"}
    assert sim.variants()["candidate"]["weight"] == "10%"
    sim.versions["2"] = NEVER_POSITIVE
    sim.run(200, in_stage("rollback"))
    assert (last(sim)["reason"], last(sim)["stage"]) == ("GateBreached", "sign-off")


@pytest.mark.long
def test_a_second_approval_keeps_the_gates_as_well() -> None:
    sim = rolling("first", stages=[CANARY, {**SIGN_OFF, "name": "first"}, SIGN_OFF])
    assert answer(sim, "Approve", groups=["risk"], stage="first") == ("Applied", "Approve")
    sim.run(30, in_stage("sign-off")).run(10)
    assert gates(sim) == {"errors", "p95", "positives"}


def test_gates_go_with_a_stage_that_a_commit_takes_out_and_the_approver_is_told() -> None:
    sim = signing()
    sim.edit(KEY, lambda s: s["stages"].pop(0))
    sim.run(20)
    assert gates(sim) == {"errors", "p95"}
    assert "stage canary-10, whose traffic it keeps, is not in the spec" in sim.condition("Progressing")[2]
    assert sim.variants()["candidate"]["weight"] == "10%"


@pytest.mark.long
def test_what_is_signed_off_before_any_traffic_waits_for_its_replicas() -> None:
    sim = rolling("sign-off", stages=[SIGN_OFF])
    sim.unready[sim.variants()["candidate"]["inferenceService"]] = 1
    sim.run(5)
    assert answer(sim, "Approve", groups=["risk"], stage="sign-off") == ("Applied", "Approve")
    sim.run(60)
    assert (sim.status["stage"]["name"], sim.condition("Progressing")[1]) == ("sign-off", "NotReady")
    sim.unready.clear()
    sim.run(30, serves("2"))


@remembered
def lost(**changes: Any) -> Commanded:
    """Version 2 has lost its experiment, of which half an hour is left, and a person is to decide."""
    sim = commanded(WORSE, stages=[stage(20, atMost="30m", **changes)], onBreach="Hold")
    pin(sim, "2").run(300, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.versions["2"] = BETTER
    return sim


@pytest.mark.long
def test_a_lost_experiment_stays_lost_whatever_is_measured_after_it() -> None:
    sim = lost()
    sim.run(300)
    assert (result(sim)["verdict"], sim.status["phase"]) == ("Worse", "Held")
    assert answer(sim, "Promote") == ("Refused", "GateBreached")
    assert [kind for kind, *_ in decisions(sim)].count("Breached") == 1
    sim.run(2100)
    assert (result(sim)["verdict"], sim.status["phase"]) == ("Worse", "Held"), "nor does its end change that"
    assert sim.variants()["candidate"]["weight"] == "50%"
