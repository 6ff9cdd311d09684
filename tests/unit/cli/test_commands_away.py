"""`slipway abort` and its like, with an API server that is silent, or away for a moment."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest
from kubernetes import client
from slipway.cli import commands, reproduce
from slipway.cli.__main__ import main
from slipway.cli.asking import Caller
from slipway.cli.cluster import Away, refusal
from slipway.cli.rollouts import Api, Unreachable


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_api_server_is_told_of_and_not_waited_for(silent: str) -> None:
    configuration = client.Configuration()
    configuration.host, configuration.retries = silent, 0
    began = time.monotonic()
    with Api(client.ApiClient(configuration), "ns", timeout=0.2) as api:
        for call in (lambda: api.rollout("fraud"), api.caller, lambda: api.request("r")):
            with pytest.raises(Unreachable, match="does not answer"):
                call()
        with pytest.raises(Unreachable, match="does not answer"):
            api.create({"spec": {"action": "Abort", "target": {"name": "fraud"}}})
    assert time.monotonic() - began < 30


class Moments:
    """An API server that is away twice while a request's answer is waited for."""

    namespace = "ns"

    def __init__(self) -> None:
        self.away = 2

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def rollout(self, name: str) -> dict[str, Any]:
        variants = [{"name": "candidate", "revision": "abc"}]
        return {"metadata": {"name": name, "namespace": "ns"}, "status": {"variants": variants}}

    def caller(self) -> Caller:
        return Caller("ada")

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": "fraud-abort-1"}}

    def request(self, name: str) -> dict[str, Any]:
        self.away -= 1
        if self.away >= 0:
            raise Unreachable("the API server does not answer")
        return {"status": {"phase": "Applied", "message": "stable serves all"}}


def test_an_answer_is_waited_for_while_the_api_server_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Moments()
    monkeypatch.setattr(commands, "_EVERY", 0.01)
    monkeypatch.setattr(commands.Api, "connect", classmethod(lambda *_: server))
    assert main(["abort", "fraud", "--reason", "bad"]) == 0
    said = capsys.readouterr()
    assert said.out == "Applied: stable serves all\n"
    assert said.err.count("does not answer; asking again") == 2


def test_a_repetition_is_followed_while_the_api_server_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = {"phase": "Succeeded", "reproduction": {"level": "Bitwise", "largestDifference": "0"}}
    answers = iter([refusal(503, "", "TrainingRun r", "ns", "get trainingruns"), None])

    class Cluster:
        namespace = "ns"

        def training_run(self, namespace: str, name: str) -> dict[str, Any]:
            away = next(answers)
            if away is not None:
                raise away
            return {"status": ended}

    monkeypatch.setattr(reproduce, "_EVERY", 0.01)
    assert reproduce._followed(Cluster(), "ns", "r", 5.0) == reproduce.REPRODUCED  # type: ignore[arg-type]
    assert "asking again" in capsys.readouterr().err
    assert isinstance(refusal(429, "", "x", "ns", "get trainingruns"), Away)
    assert not isinstance(refusal(403, "", "x", "ns", "get trainingruns"), Away)
