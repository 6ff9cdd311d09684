"""Who is told what: derived from the status, at least once, in order, and never waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_hooks import ANNOUNCED

from tests.unit.core.commanded import Commanded
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import DIES, FAILING, GOOD, SLOW, in_stage, pin, serves, serving, spec

EVERYTHING = ["Started", "StageStarted", "StagePassed", "ApprovalNeeded", "Promoted", "RolledBack", "Breached"]
HOOKS = [{"name": "all", "events": EVERYTHING, "url": "https://hooks.example.com/x"}]
TEAM = [{"name": "team", "secretRef": {"name": "slack"}}]
APPROVAL = {"name": "sign", "type": "Approval", "approval": {"groups": ["risk"]}}


def events(sim: Simulation, receiver: str = "hook/all") -> list[str]:
    """What a receiver was sent, repetitions left out."""
    found: dict[int, str] = {}
    for each in sim.sent:
        if each.receiver == receiver:
            found.setdefault(each.sequence, each.content["event"])
    assert list(found) == sorted(found), "in order"
    return list(found.values())


def book(sim: Simulation) -> dict[str, object]:
    return dict(sim.status.get("announcements", {}))


def test_a_whole_rollout_is_told_step_by_step() -> None:
    sim = pin(serving(hooks=HOOKS), "2").run(300, serves("2")).run(5)
    stages = ["StageStarted", "StagePassed"] * 3
    assert events(sim)[-8:] == ["Started", *stages, "Promoted"]
    assert book(sim).get("pending", []) == []
    told = sim.sent[-1]
    assert told.url == "https://hooks.example.com/x"
    assert told.content["rollout"] == {"namespace": "ns", "name": "fraud", "uid": told.uid}
    assert (told.content["version"], told.content["severity"]) == ("2", "Info")
    assert told.content["id"] == f"{told.uid}-{told.sequence}"


def test_people_are_told_what_is_as_severe_as_they_ask() -> None:
    sim = pin(serving(FAILING, notifications=TEAM), "2").run(300, lambda s: s.status["history"][0]["version"] == "2")
    sim.run(5)
    assert events(sim, "notification/team") == ["RolledBack"]
    assert sim.sent[-1].content["severity"] == "Critical"
    assert set(sim.sent[-1].content["events"]) == {"RolledBack", "Breached"}
    assert (sim.sent[-1].secret, sim.sent[-1].url) == ("slack", "")


def test_a_sign_off_is_asked_for_and_a_held_breach_is_told() -> None:
    hook = [{**HOOKS[0], "events": ["ApprovalNeeded", "Held"]}]
    stages = [APPROVAL, *serving().objects[KEY]["spec"]["stages"]]
    sim = pin(serving(stages=stages, hooks=hook), "2").run(100, in_stage("sign")).run(3)
    assert events(sim) == ["ApprovalNeeded"]
    held = pin(serving(SLOW, hooks=hook, onBreach="Hold"), "2").run(300, lambda s: s.status.get("phase") == "Held")
    assert events(held.run(5)) == ["Held"]


def test_a_failure_is_told() -> None:
    hook = [{**HOOKS[0], "events": ["Failed"]}]
    sim = pin(serving(DIES, hooks=hook), "2").run(400, lambda s: s.status["history"][0]["outcome"] == "Failed").run(5)
    assert events(sim) == ["Failed"]


def test_a_gate_that_nobody_can_judge_is_told_once() -> None:
    errors = {"name": "errors", "metric": "error_rate", "op": "<=", "bound": "5%", "onUnknown": {"after": "20s"}}
    hook = [{**HOOKS[0], "events": ["GateUnknown"]}]
    sim = pin(serving(gates=[errors], hooks=hook), "2").run(200, in_stage("canary-10"))
    sim.prometheus_up = False
    sim.run(120)
    assert events(sim) == ["GateUnknown"]


@pytest.mark.long
def test_receivers_that_are_away_are_tried_again_in_order_and_nothing_waits_for_them() -> None:
    sim = serving(hooks=HOOKS)
    sim.receivers_up = False
    sim.sent.clear()
    pin(sim, "2").run(300, serves("2"))
    assert set(events(sim)) == {events(sim)[0]}, "the first one is tried, and the rest waits its turn"
    assert sim.condition("Announced")[:2] == ("False", "DeliveryFailing")
    assert "hook/all: HTTP 500" in sim.condition("Announced")[2]
    sim.receivers_up = True
    sim.run(700)
    assert events(sim)[-1] == "Promoted"
    assert sim.condition("Announced")[:2] == ("True", "Told")
    assert book(sim).get("pending", []) == []


def test_a_write_that_the_api_server_refuses_keeps_nobody_from_being_told() -> None:
    sim = pin(serving(hooks=HOOKS), "2").run(120, in_stage("start"))
    sim.refused = "HTTPRoute"
    for _ in range(30):
        sim.reconcile()
        sim.tick()
    assert sim.status["stage"]["name"] == "shadow"
    assert events(sim)[-1] == "StageStarted"


def test_a_way_back_that_a_person_asked_for_is_a_warning() -> None:
    sim = Commanded(spec(notifications=TEAM), {"1": GOOD, "2": GOOD})
    sim.run(60, serves("1"))
    pin(sim, "2").run(300, serves("2")).run(2)
    sim.ask("Rollback")
    sim.run(60, lambda s: s.variants()["stable"]["version"] == "1").run(5)
    assert [(each.content["event"], each.content["severity"]) for each in sim.sent][-1:] == [("RolledBack", "Warning")]


@pytest.mark.long
def test_what_is_older_than_an_hour_is_no_news_and_is_counted() -> None:
    sim = serving(hooks=HOOKS)
    sim.receivers_up = False
    pin(sim, "2").run(300, serves("2"))
    sim.run(3700)
    assert book(sim).get("pending", []) == []
    (receiver,) = sim.status["announcements"]["receivers"]
    assert receiver["failed"] > 0
    assert "missed" in sim.condition("Announced")[2]
    so_far = sim.writes
    sim.run(600)
    assert sim.writes == so_far


def test_in_steady_state_nothing_is_written_and_nothing_sent() -> None:
    sim = serving(hooks=HOOKS, notifications=TEAM).run(30)
    writes, sent = sim.writes, len(sim.sent)
    sim.run(600)
    assert (sim.writes, len(sim.sent)) == (writes, sent)


@pytest.mark.long
def test_whoever_is_named_later_is_told_from_then_on() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    sim.edit(KEY, lambda spec: spec.update(hooks=HOOKS))
    assert events(sim.run(30)) == []
    assert events(pin(sim, "3").run(30))[0] == "Started"


def test_whoever_asked_no_more_leaves_nothing_behind_but_the_number() -> None:
    sim = pin(serving(hooks=HOOKS), "2").run(300, serves("2")).run(5)
    number = book(sim)["sequence"]
    sim.edit(KEY, lambda spec: spec.update(hooks=[]))
    assert book(sim.run(30)) == {"sequence": number}
    assert sim.condition("Announced") == ("", "", "")


@pytest.mark.long
def test_whoever_asks_again_is_told_and_no_id_comes_twice() -> None:
    sim = pin(serving(hooks=HOOKS), "2").run(300, serves("2")).run(5)
    sim.edit(KEY, lambda spec: spec.update(hooks=[]))
    sim.run(30)
    sim.edit(KEY, lambda spec: spec.update(hooks=HOOKS))
    before = len(events(sim.run(30)))
    pin(sim, "3").run(300, serves("3")).run(5)
    assert events(sim)[before:][:2] == ["Started", "StageStarted"]
    contents = {each.content["id"]: each.content for each in sim.sent}
    assert all(contents[each.content["id"]] == each.content for each in sim.sent)


@pytest.mark.long
@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_a_kill_after_any_write_loses_no_announcement(every: int) -> None:
    calm = events(pin(serving(FAILING, hooks=HOOKS), "2").run(300, serves("1")).run(60))
    sim = serving(FAILING, hooks=HOOKS)
    sim.kill = lambda write: write % (every + 1) == 0
    pin(sim, "2").run(300, lambda s: s.status["history"][0]["version"] == "2").run(60)
    assert events(sim) == calm


@given(st.integers(0, 3))
def test_no_more_wait_than_the_status_may_hold(seed: int) -> None:
    from datetime import UTC, datetime

    from slipway.api.v1alpha1.rollout_hooks import Announcement, Announcements, Hook, Receiver
    from slipway.core.rollout.announcing import _with

    hook = Hook.model_validate(HOOKS[0])
    found = Announcements(receivers=(Receiver(name="hook/all"),))
    for number in range(ANNOUNCED + seed):
        news = Announcement(sequence=0, events=("Started",), at=datetime(2026, 1, 1, tzinfo=UTC), message=str(number))
        found = _with(found, {"hook/all": hook}, news)
    assert len(found.pending) == ANNOUNCED
    assert found.receivers[0].failed == seed
    assert found.pending[-1].message == str(ANNOUNCED + seed - 1)
