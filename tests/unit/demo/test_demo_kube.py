"""The client of the API server waits where it is told to, and says in an OSError that nothing answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Refused
from tests.loopback import answering, free_port

BUSY, ENDED = {"message": "too many requests"}, {"message": "etcdserver: request timed out"}


class Server(BaseHTTPRequestHandler):
    """Gives its answers in turn: a status, what it holds, and whether it asks to be asked again."""

    answers: list[tuple[int, object, bool]]

    def do_GET(self) -> None:
        status, document, again = type(self).answers.pop(0)
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        if again:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        pass


def client(directory: Path, address: str) -> Cluster:
    user = {"name": "u", "user": {}}
    clusters = [{"name": "c", "cluster": {"server": f"http://{address}"}}]
    contexts = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
    config = {"current-context": "x", "clusters": clusters, "contexts": contexts, "users": [user]}
    file = directory / "config"
    file.write_text(json.dumps(config))
    return Cluster(str(file))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(kube, "_PAUSES", (0.0, 0.0))
    with answering(Server) as address:
        yield client(tmp_path, address)


def test_what_the_server_asks_to_try_again_is_tried_again(server: Cluster) -> None:
    Server.answers = [(429, BUSY, True), (429, BUSY, True), (200, {"kind": "Node"}, False)]
    assert server.get("Node", "one") == {"kind": "Node"}
    Server.answers = [(503, BUSY, True), (200, "{}", False)]
    server.put("/somewhere", "content")
    assert Server.answers == []


def test_it_is_not_tried_for_ever_and_what_is_final_is_not_tried_again(server: Cluster) -> None:
    Server.answers = [(429, BUSY, True)] * 3
    with pytest.raises(Refused, match="too many requests"):
        server.get("Node", "one")
    Server.answers = [(500, ENDED, False)]
    with pytest.raises(Refused, match="timed out"):
        server.get("Node", "one")
    assert Server.answers == []


def test_a_server_that_is_away_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "_PAUSES", (0.0,))
    away = client(tmp_path, f"127.0.0.1:{free_port()}")
    with pytest.raises(OSError, match="GET /api/v1/nodes/one: ConnectError"):
        away.get("Node", "one")
    with pytest.raises(OSError, match="PUT /somewhere"):
        away.put("/somewhere", "content")
