"""`slipway explain` on states that rollouts really pass through: true, whole, on one screen."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from slipway.cli.explanation import explain
from slipway.cli.moves import moves
from slipway.cli.words import WIDTH, lasting

from tests.unit.core.states import STORIES, states, states_of

SCREEN = 40


def text(name: str, **changes: Any) -> str:
    obj, now = states()[name]
    return "\n".join(explain({**obj, "spec": {**obj["spec"], **changes}}, now).lines())


def first(story: str, phase: str, stage: str = "") -> str:
    return next(name for name in states() if name.startswith(f"{story}: {phase} {stage}"))


def last(story: str, phase: str, stage: str = "") -> str:
    return [name for name in states() if name.startswith(f"{story}: {phase} {stage}")][-1]


@pytest.mark.parametrize("story", STORIES)
def test_every_state_is_explained_on_one_screen(story: str) -> None:
    for name, (obj, now) in states_of(story).items():
        told = explain(obj, now)
        lines = list(told.lines())
        assert len(lines) <= SCREEN, name
        commands = {f"    {command}" for _, command in told.actions}
        assert [line for line in lines if len(line) > WIDTH + 20 and line not in commands] == [], name
        assert told.why, name
        assert told.moves, name
        assert json.dumps(told.document())
        for word in ("None", "  is in stage  ", "version ;", "version  "):
            assert word not in "\n".join(lines), name


def test_a_running_stage_says_what_is_missing() -> None:
    obj, now = states()[first("good", "Canary", "canary-10")]
    told = explain(obj, now)
    assert told.where == (
        "Version 2 is in stage canary-10 (2 of 3, Canary), and is asked to serve 10%; version 1 serves the rest."
    )
    missing = "\n".join(told.moves)
    assert "more of minDuration 10s" in missing
    assert "50 more distinct entities: 0 of 50 were counted." in missing


def test_a_shadow_says_that_nobody_sees_its_answers() -> None:
    told = " ".join(text(first("good", "Shadow")).split())
    assert "gets copies of 100% of the requests, whose answers nobody sees" in told
    assert "version 1 serves all traffic" in told


def test_the_time_left_runs_with_the_clock() -> None:
    name = next(n for n, (obj, _) in states().items() if (obj["status"].get("stage") or {}).get("runningSince"))
    obj, now = states()[name]
    spec = {**obj["spec"], "stages": [{**each, "minDuration": "1h"} for each in obj["spec"]["stages"]]}

    def left(later: int) -> str:
        from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus

        status = ModelRolloutStatus.model_validate(obj["status"])
        return next(each for each in moves(spec, status, now + timedelta(seconds=later)) if "minDuration" in each)

    assert left(0) != left(600)
    assert left(600).startswith("49 min") or left(600).startswith("50 min")


def test_a_rolled_back_version_says_why_and_what_helps() -> None:
    told = text(last("failing", "Serving")).replace("\n    ", " ")
    assert "RolledBack (GateBreached)" in told
    assert "gate errors" in told
    assert "is not tried again" in told
    assert "slipway history fraud -n ns" in told


def test_a_held_breach_names_the_gate_its_interval_and_who_decides() -> None:
    told = text(first("held", "Held"))
    assert "Breach" in told
    assert "p95" in told
    assert "a person decides" in told.replace("\n    ", " ")
    assert "slipway abort fraud -n ns" in told
    assert "slipway advance" not in told, "a breach beats any command"


def test_a_paused_rollout_can_be_resumed() -> None:
    told = text(first("paused", "Paused"))
    assert "spec.paused is true" in told
    assert """kubectl patch modelrollout fraud -n ns --type merge -p '{"spec": {"paused": false}}\'""" in told


def test_a_kept_version_can_be_gone_back_to() -> None:
    told = text(last("good", "Serving"))
    assert "version 1 is kept warm until 2026-11-23" in told.replace("\n  ", " ")
    assert "go back to version 1 at once" in told
    assert "slipway rollback fraud -n ns" in told
    assert '"version": "1"' in told


@pytest.mark.parametrize(
    ("story", "phase", "word"),
    [
        ("no task", "Serving", "ModelTask fraud does not exist"),
        ("no model", "Failed", "has no version 1"),
        ("no model", "Pending", "MLflow did not answer"),
        ("blind", "Canary", "Prometheus did not answer"),
        ("hands", "Serving", "which was deleted"),
        ("leaving", "Deleting", "is being deleted"),
        ("first", "Building", "No version serves yet"),
        ("batch", "Scoring", "scores the batches"),
    ],
)
def test_what_is_wrong_is_said(story: str, phase: str, word: str) -> None:
    found = [text(name).replace("\n    ", " ") for name in states() if name.startswith(f"{story}: {phase}")]
    assert any(word.lower() in each.lower() for each in found), found


def test_a_ceiling_and_a_freeze_are_named_only_where_they_act() -> None:
    freeze = [{"name": "weekend", "cron": "0 16 * * 5", "for": "64h", "timeZone": "Europe/Rome"}]
    changes: dict[str, Any] = {"advanceThrough": "canary-10", "freeze": freeze}
    name = first("good", "Canary", "canary-10")
    assert "spec.advanceThrough is canary-10: the next stage begins, and waits" in text(name, **changes)
    assert "freeze weekend: 0 16 * * 5 (Europe/Rome), for 64h" in text(name, **changes)
    obj, now = states()[name]
    ignored = {**obj["status"], "inactiveFields": ["spec.advanceThrough: the ceiling is not kept", "spec.freeze"]}
    told = "\n".join(explain({**obj, "spec": {**obj["spec"], **changes}, "status": ignored}, now).lines())
    assert "advanceThrough" not in told
    assert "weekend" not in told


def test_what_was_never_looked_at_is_explained_as_well() -> None:
    obj, now = states()[first("first", "Building")]
    told = explain({**obj, "status": {}}, now)
    assert told.title == "fraud in namespace ns: not looked at yet"
    assert "is it running?" in told.why[0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (90_000, "1 d 1 h"), (7_200, "2 h")]
)
def test_durations(seconds: float, words: str) -> None:
    assert lasting(seconds) == words
