"""The hold-out of a simulated rollout: who is held out when, what is said of it, and that a killed operator agrees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slipway.controllers.rollout import RolloutController
from slipway.core.rollout.holding_out import ROTATE

from tests.unit.core.simulation import KEY, ROUTE, TASK, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, serves, spec

RULES = {"when": [{"name": "large", "if": "amount > 5000", "predict": "1"}], "serve": "ModelOnly"}
ALIKE, LOOP = (0.3, 0.3), (0.1, 0.6)


def holding_out(share: str | None = "5%", able: tuple[str, ...] = ("1", "2", "3"), rules: bool = True) -> Simulation:
    traffic = spec()["traffic"] | ({"globalHoldout": share} if share else {})
    sim = Simulation(spec(traffic=traffic), {"1": GOOD, "2": GOOD, "3": GOOD})
    sim.prometheus.able = set(able)
    sim.prometheus.contrast = dict.fromkeys(("1", "2", "3"), ALIKE)
    if rules:
        sim.edit(TASK, lambda s: s.update(rules=RULES))
    return sim.run(120, lambda s: s.status.get("phase") == "Serving").run(70)


def held_rule(sim: Simulation) -> dict[str, str] | None:
    """The match of the rule of those who are held out; None where there is no such rule."""
    rules = [r for r in sim.objects[ROUTE]["spec"]["rules"] if "'x-slipway-holdout', 'value'" in str(r)]
    return rules[0]["matches"][0]["headers"][0] if rules else None


def hold_out(sim: Simulation) -> dict[str, Any]:
    return dict(sim.status["holdout"])


def test_the_share_is_held_out_once_pods_have_said_that_they_can() -> None:
    sim = holding_out()
    assert hold_out(sim)["real"] == "5.005%"
    assert (hold_out(sim)["cells"], hold_out(sim)["rotation"]) == (205, 1)
    held = held_rule(sim)
    assert held is not None
    assert held["type"] == "RegularExpression"
    status, reason, message = sim.condition("HoldoutActive")
    assert (status, reason) == ("True", "HeldOut")
    assert "5.005%" in message
    assert "5% was asked for" in message
    assert sim.condition("FeedbackSuspected")[:2] == ("False", "NoDifference")
    assert sim.client_errors == []


def test_the_contrast_is_asked_once_in_a_minute_however_often_it_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    sim, controller = holding_out(), RolloutController()
    texts: list[str] = []
    answer = sim.prometheus.answer
    monkeypatch.setattr(sim.prometheus, "answer", lambda promql: texts.append(promql) or answer(promql))

    def asks(second: int) -> bool:
        """Whether an observation at this second asks for the contrast."""
        texts.clear()
        now = sim.now.replace(second=0) + timedelta(seconds=second)
        sim.loop.run_until_complete(controller.observe(sim.objects[KEY], sim, now))
        return any("slipway_holdout_predictions" in text for text in texts)

    assert [asks(second) for second in (60, 61, 119, 120, 121)] == [True, False, False, True, False]
    sim.prometheus_up = False
    assert not asks(180)
    sim.prometheus_up = True
    assert asks(181), "what could not be read is asked for again at once"
    sim.objects[KEY]["status"]["epoch"] += 1
    assert asks(182), "another epoch is another question"


def test_without_the_field_nothing_is_asked_said_or_routed() -> None:
    sim = holding_out(None)
    assert "holdout" not in sim.status
    assert held_rule(sim) is None
    assert sim.condition("HoldoutActive") == sim.condition("FeedbackSuspected") == ("", "", "")


@pytest.mark.parametrize(("rules", "reason"), [(False, "TaskHasNoRules"), (True, "VersionHasNoRules")])
def test_who_cannot_hold_out_holds_out_nobody_and_says_why(rules: bool, reason: str) -> None:
    sim = holding_out(able=(), rules=rules)
    held = held_rule(sim)
    assert held is not None, "the place is there"
    assert held["type"] == "Exact", "of nobody"
    status, found, message = sim.condition("HoldoutActive")
    assert (status, found) == ("False", reason)
    assert "Remedy" in message
    assert sim.condition("FeedbackSuspected")[0] == "Unknown"


def test_prometheus_away_is_not_the_same_as_no_rules() -> None:
    sim = holding_out(able=())
    sim.prometheus_up = False
    sim.run(70)
    assert sim.condition("HoldoutActive")[:2] == ("Unknown", "PrometheusUnavailable")


def test_a_version_that_can_not_takes_over_and_nobody_is_held_out_any_more() -> None:
    sim = pin(holding_out(able=("1",)), "2").run(400, serves("2")).run(70)
    held = held_rule(sim)
    assert held is not None
    assert held["type"] == "Exact"
    assert sim.condition("HoldoutActive")[1] == "VersionHasNoRules"
    back = pin(sim, "1").run(400, serves("1")).run(70)
    assert sim.condition("HoldoutActive")[0] == "True"
    assert back.client_errors == []


def test_a_rollout_passes_its_stages_with_some_held_out_and_without_disturbance() -> None:
    sim = pin(holding_out(), "2").run(400, serves("2")).run(70)
    assert [h["outcome"] for h in sim.status["history"]] == ["Promoted", "Promoted"]
    assert "RouteEdited" not in sim.notices
    assert sim.client_errors == []
    assert sim.condition("HoldoutActive")[0] == "True"


def test_who_is_held_out_changes_with_time_but_not_while_a_version_is_rolled_out() -> None:
    sim = pin(holding_out(), "2").run(300, in_stage("canary-10"))
    before, first = hold_out(sim), held_rule(sim)
    sim.now += ROTATE
    sim.run(30)
    assert hold_out(sim)["rotation"] == before["rotation"]
    assert held_rule(sim) == first
    sim.run(400, serves("2")).run(90)
    after = hold_out(sim)
    assert (after["rotation"], after["first"]) == (2, 205)
    assert held_rule(sim) not in (first, None)
    assert sim.notices.count("HoldoutRotated") == 1
    assert "RouteEdited" not in sim.notices


def test_another_share_begins_where_the_old_one_did_and_restarts_the_evidence() -> None:
    sim = pin(holding_out(), "2").run(300, in_stage("canary-50")).run(5)
    epoch = sim.status["epoch"]
    sim.edit(KEY, lambda s: s["traffic"].update(globalHoldout="10%"))
    sim.run(3)
    assert (hold_out(sim)["cells"], hold_out(sim).get("first", 0)) == (410, 0)
    assert sim.status["epoch"] == epoch + 1
    sim.run(300, serves("2"))
    assert "RouteEdited" not in sim.notices


def test_a_spec_without_the_field_holds_out_nobody_any_more_and_keeps_the_place() -> None:
    sim = holding_out()
    sim.edit(KEY, lambda s: s["traffic"].pop("globalHoldout"))
    sim.run(70)
    held = held_rule(sim)
    assert held is not None
    assert held["type"] == "Exact"
    assert sim.condition("HoldoutActive") == ("", "", "")
    assert sim.client_errors == []


def test_a_loop_is_told_at_first_of_one_revision_and_suspected_with_the_next() -> None:
    sim = holding_out()
    sim.prometheus.contrast |= {"1": LOOP, "2": LOOP}
    sim.run(70)
    assert sim.condition("FeedbackSuspected")[:2] == ("False", "OneRevisionDiffers")
    assert sim.notices.count("HoldoutDiffers") == 1
    pin(sim, "2").run(400, serves("2")).run(70)
    status, reason, message = sim.condition("FeedbackSuspected")
    assert (status, reason) == ("True", "SuccessiveRevisions")
    assert "60%" in message
    assert "10%" in message
    assert sim.notices.count("FeedbackSuspected") == 1
    assert [each["version"] for each in hold_out(sim)["revisions"]] == ["2", "1"]
    assert [h["outcome"] for h in sim.status["history"]] == ["Promoted", "Promoted"], "it moves no traffic"


def test_a_steady_hold_out_writes_nothing() -> None:
    sim = holding_out()
    sim.run(120)
    writes = sim.writes
    sim.run(600)
    assert sim.writes == writes


def test_of_more_than_two_classes_nothing_is_suspected() -> None:
    sim = holding_out()
    sim.edit(TASK, lambda s: s.update(type="MulticlassClassification", metrics={"primary": "f1"}))
    sim.edit(TASK, lambda s: s.update(criteria=[{"name": "catch", "expression": "f1 >= 0.5"}]))
    sim.run(70)
    assert sim.condition("FeedbackSuspected")[:2] == ("Unknown", "NotBinary")


def story(kill: bool) -> Simulation:
    sim = holding_out()
    sim.kill = lambda write: kill
    sim.edit(KEY, lambda s: s["traffic"].update(globalHoldout="10%"))
    pin(sim, "2").run(400, serves("2")).run(70)
    sim.now += ROTATE + timedelta(seconds=1)
    return sim.run(200)


def test_an_operator_killed_after_every_write_holds_out_the_same() -> None:
    undisturbed, killed = story(False), story(True)
    for name in ("cells", "first", "rotation", "share", "real", "able"):
        assert hold_out(killed).get(name) == hold_out(undisturbed).get(name), name
    assert killed.objects[ROUTE]["spec"]["rules"] == undisturbed.objects[ROUTE]["spec"]["rules"]
    assert killed.client_errors == []
    assert hold_out(killed)["rotation"] == 2
