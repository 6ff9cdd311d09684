"""A source of http(s) that points to another server: the credentials stay with the one that was named."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
from slipway_pipelines.data.files import _fetched

from tests.loopback import answering

LOGIN = {"username": "ada", "password": "x"}


class Server(BaseHTTPRequestHandler):
    """Answers /rows.csv, and points from anywhere else to `target`."""

    target: ClassVar[str] = ""
    authorization: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.authorization.append(self.headers["Authorization"])
        self.send_response(200 if self.path == "/rows.csv" else 302)
        self.send_header("Location", self.target)
        self.send_header("Content-Length", "2" if self.path == "/rows.csv" else "0")
        self.end_headers()
        if self.path == "/rows.csv":
            self.wfile.write(b"a\n")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.mark.parametrize(("elsewhere", "seen"), [(False, ["Basic YWRhOng="] * 2), (True, ["Basic YWRhOng=", None])])
def test_credentials_stay_with_the_server_that_was_named(elsewhere: bool, seen: list[str | None]) -> None:
    with answering(Server) as host, answering(Server) as other:
        Server.target, Server.authorization = f"http://{other if elsewhere else host}/rows.csv", []
        with _fetched(f"http://{host}/moved.csv", LOGIN) as stream:
            assert stream.read() == b"a\n"
    assert Server.authorization == seen
