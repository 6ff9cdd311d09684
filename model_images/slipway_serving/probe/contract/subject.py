"""The server under test, and everything that was asked of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slipway_serving.probe.client import Answer, Connection
from slipway_serving.probe.smoke import Requests, read_requests

REVISION_HEADER = "x-slipway-revision"
ASSIGNMENT_HEADER = "x-slipway-assignment"
PREDICTION_HEADER = "x-slipway-prediction-id"
_SECONDS = 60.0


class Skip(Exception):
    """A clause cannot be tried here; the message says why, and how it can."""


class Process(Protocol):
    """The server's process, as far as one may end it."""

    def terminate(self) -> None:
        """Sends SIGTERM. Raises OSError where that is not possible."""

    def ended(self) -> bool:
        """Whether it is gone."""


@dataclass(frozen=True)
class Asked:
    """What a person wants to know of which server. `revision`, `rollout` and `latency_edge` are what the server was
    started with, empty where that is unknown; `folder` is SLIPWAY_PROOF, `log` where its prediction log is stored."""

    host: str
    port: int
    model: str = "model"
    revision: str = ""
    rollout: str = ""
    latency_edge: str = ""
    bucket_header: str = "x-slipway-bucket"
    ready_seconds: float = 300.0
    confined: bool = False
    folder: Path | None = None
    process: Process | None = None
    log: Path | None = None


class Subject:
    """Asks, counts the instances that were answered, and knows whether SIGTERM was sent."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answered = 0
        self.terminated = False
        self._requests: Requests | None = None

    def ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One answer, on a connection of its own: an idle one may be closed by any server, at any time.

        Raises OSError or http.client.HTTPException.
        """
        with closing(self._connect()) as connection:
            return connection.ask(path, body, headers)

    def _connect(self) -> Connection:
        return Connection(self.asked.host, self.asked.port, _SECONDS)

    @property
    def requests(self) -> Requests:
        """What the model can be asked, read once. Raises Unproven where nothing says so."""
        if self._requests is None:
            with closing(self._connect()) as connection:
                self._requests = read_requests(connection, self.asked.model, self.asked.folder)
        return self._requests

    def predict(self, v2: bool = False, headers: Mapping[str, str] | None = None) -> Answer:
        """A valid request's answer. Raises as `ask` and `requests` do."""
        path, body = self.requests.first(v2)
        answer = self.ask(path, body, headers)
        if answer.status == 200:
            self.answered += self.requests.size
        return answer
