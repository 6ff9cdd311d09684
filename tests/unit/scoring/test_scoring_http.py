"""An input of http(s): whole onto the disk, since Parquet begins at its end."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from tests.loopback import answering
from tests.unit.scoring.given import Volume, rows, table


class Files(BaseHTTPRequestHandler):
    """One file, without ranges."""

    content: ClassVar[bytes] = b""
    short: ClassVar[int] = 0
    status: ClassVar[int] = 200
    authorization: ClassVar[str | None] = None

    def do_GET(self) -> None:
        type(self).authorization = self.headers["Authorization"]
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[: len(self.content) - self.short])

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's own output stays readable."""


def server_of(path: Path, **faults: int) -> type[Files]:
    return type("Served", (Files,), {"content": path.read_bytes(), **faults})


def test_rows_of_http_are_scored_and_named_by_their_content(volume: Volume) -> None:
    path = volume.write(rows(250), "elsewhere.parquet")
    handler = server_of(path)
    with answering(handler) as host:
        first = volume.scored(input=f"http://{host}/rows.parquet")
        assert volume.scored(input=f"http://{host}/rows.parquet") == first
        handler.content = volume.write(rows(251), "elsewhere.parquet").read_bytes()
        assert volume.scored(input=f"http://{host}/rows.parquet") != first
    assert table(first).num_rows == 250


@pytest.mark.parametrize(
    ("faults", "code", "reason"),
    [
        ({"status": 404}, 1, "FileMissing"),
        ({"status": 503}, 75, "StoreUnavailable"),
        ({"status": 403}, 1, "StoreUnavailable"),
        ({"short": 10}, 75, "StoreUnavailable"),
    ],
)
def test_what_the_server_does_wrong_is_told(volume: Volume, faults: dict[str, int], code: int, reason: str) -> None:
    with answering(server_of(volume.write(rows(3), "elsewhere.parquet"), **faults)) as host:
        found, said = volume.score(input=f"http://{host}/rows.parquet")
    assert (found, said["error"]["reason"]) == (code, reason)
    assert host in said["error"]["message"]


def test_credentials_are_sent(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = server_of(volume.write(rows(3), "elsewhere.parquet"))
    environment = volume.environment
    secret = {"SLIPWAY_INPUT_username": "ada", "SLIPWAY_INPUT_password": "x"}
    monkeypatch.setattr(volume, "environment", lambda *args, **asked: {**environment(*args, **asked), **secret})
    with answering(handler) as host:
        volume.scored(input=f"http://{host}/rows.parquet")
    assert handler.authorization == "Basic YWRhOng="


@pytest.mark.parametrize("elsewhere", [True, False])
def test_credentials_do_not_follow_to_another_server(
    elsewhere: bool, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = volume.environment
    secret = {"SLIPWAY_INPUT_username": "ada", "SLIPWAY_INPUT_password": "x"}
    monkeypatch.setattr(volume, "environment", lambda *args, **asked: {**environment(*args, **asked), **secret})
    files = server_of(volume.write(rows(3), "elsewhere.parquet"))

    class Pointing(files):  # type: ignore[valid-type,misc]
        target: ClassVar[str] = ""

        def do_GET(self) -> None:
            if self.path == "/moved.parquet":
                return super().do_GET()
            self.send_response(302)
            self.send_header("Location", self.target)
            self.send_header("Content-Length", "0")
            return self.end_headers()

    with answering(files) as other, answering(Pointing) as host:
        Pointing.target = f"http://{other if elsewhere else host}/moved.parquet"
        volume.scored(input=f"http://{host}/rows.parquet")
    assert (files.authorization, Pointing.authorization) == ((None, None) if elsewhere else (None, "Basic YWRhOng="))
