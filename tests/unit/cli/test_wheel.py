"""`slipway wheel`: a line for each turn, from its cause to what became of it, and why the policy stands where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slipway.cli.__main__ import main
from slipway.cli.cluster import Cluster, NotFound, refusal

TURN = {
    "name": "policy-1", "causes": ["inputs", "schedule"], "budget": "Triggered", "createdAt": "2026-11-23T12:00:00Z",
    "outcome": "Succeeded", "version": "7", "dataDigest": "sha256:0123456789", "runId": "r", "rollout": "RolledBack",
}  # fmt: skip
ENTRY = {
    "version": "7", "outcome": "RolledBack", "reason": "GateBreached", "message": "errors: 9% must be <= 1%",
    "endedAt": "2026-11-23T13:00:00Z",
}  # fmt: skip
FROZEN = {
    "state": "Frozen", "message": "inputs still holds: look into it", "since": "2026-11-24T12:00:00Z",
    "frozen": {"reason": "NotImproving", "message": "inputs still holds: look into it"},
    "next": "2026-11-30T02:00:00Z", "turns": [TURN], "calendar": {"missed": 2},
}  # fmt: skip


class Answers:
    """A policy and a rollout, in place of an API server."""

    namespace = "ns"

    def __init__(self, status: dict[str, Any], history: list[dict[str, Any]] | None) -> None:
        self.status, self.history = status, history

    def policy(self, namespace: str, name: str) -> dict[str, Any]:
        if name != "policy":
            raise NotFound(f"there is no RetrainPolicy {name}")
        metadata = {"name": name, "namespace": namespace}
        return {"metadata": metadata, "spec": {"rolloutRef": {"name": "fraud"}}, "status": self.status}

    def rollout(self, namespace: str, name: str) -> dict[str, Any]:
        if self.history is None:
            raise NotFound("gone")
        return {"status": {"history": self.history}}


def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answers: Answers, *words: str
) -> tuple[int, str]:
    monkeypatch.setattr(Cluster, "connect", lambda context: answers)
    code = main(["wheel", *words])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_a_turn_is_told_from_its_cause_to_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = said(capsys, monkeypatch, Answers(FROZEN, [ENTRY]), "policy")
    assert code == 0
    assert text.startswith("policy in namespace ns: Frozen since 2026-11-24 12:00 UTC\n  inputs still holds")
    for part in ("inputs, schedule", "sha256:01234", "policy-1", "RolledBack (GateBreached)", "not yet", "9% must be",
                 "action Unfreeze", "2 runs of the calendar were left out", "next at 2026-11-30 02:00"):  # fmt: skip
        assert part in text, text


def test_a_version_of_an_earlier_time_is_not_taken_for_that_of_the_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = {**ENTRY, "endedAt": "2026-11-20T13:00:00Z"}
    assert "GateBreached" not in said(capsys, monkeypatch, Answers(FROZEN, [early]), "policy")[1]


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = said(capsys, monkeypatch, Answers(FROZEN, [ENTRY]), "policy", "--output", "json")
    (turn,) = json.loads(text)["turns"]
    assert (code, turn["causes"], turn["rolloutReason"]) == (0, ["inputs", "schedule"], "GateBreached")


@pytest.mark.parametrize("history", [None, []])
def test_without_a_rollout_or_a_turn_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, history: list[dict[str, Any]] | None
) -> None:
    code, text = said(capsys, monkeypatch, Answers({}, history), "policy")
    assert code == 0
    assert "no turn yet" in text
    assert "is the operator running" in text


def test_what_is_not_there_is_said_with_the_right_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = said(capsys, monkeypatch, Answers(FROZEN, []), "other")
    assert code == 2
    assert "no RetrainPolicy other" in text
    body = json.dumps({"details": {"name": "other"}})
    told = str(refusal(404, body, "RetrainPolicy other in namespace ns", "ns", "get retrainpolicies"))
    assert "kubectl get retrainpolicies --all-namespaces" in told
