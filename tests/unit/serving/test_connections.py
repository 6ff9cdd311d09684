"""What raw bytes on a socket can do to the server: bounded, and it goes on answering."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.unit.serving.models import Slow, save_object
from tests.unit.serving.servers import Served, serving

pytestmark = pytest.mark.long

BODY = json.dumps({"instances": [{"amount": 1}]}).encode()
SILENCE = 6  # seconds; a body that does not come is told of after one, and by a busy machine later
PATH = b"/v1/models/fraud:predict"
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("raw")
    with serving(save_object(home / "model", Slow(0.0)), home, SLIPWAY_BODY_SECONDS="1") as server:
        server.wait()
        yield server
        assert server.process.poll() is None
        assert "Traceback" not in server.log.read_text()


def exchange(served: Served, *parts: bytes, pieces: int = 1) -> bytes:
    """What comes back for the parts until the server closes, is silent for seconds, or has answered `pieces`."""
    answer = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=SILENCE) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while answer.count(b"HTTP/1.1 ") < pieces or not answer.endswith((b"}", b"request", b".")):
                received = connection.recv(1 << 16)
                if not received:
                    break
                answer += received
        except OSError:
            pass
    return answer


def assert_alive(served: Served) -> None:
    assert served.call(PATH.decode(), BODY)[0] == 200


def test_a_head_without_an_end_is_cut_off(served: Served) -> None:
    endless = exchange(served, b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nx: ", *[b"y" * (32 << 10)] * 40)
    assert endless == b"" or endless.startswith(b"HTTP/1.1 400")
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012
            for _ in range(4000):
                connection.sendall(b"z: " + b"y" * 1000 + b"\r\n")
                time.sleep(0.0005)
    assert_alive(served)


def test_no_number_of_pipelined_requests_is_kept(served: Served) -> None:
    few = exchange(served, (HEAD + b"\r\n" + BODY) * 5, pieces=5)
    assert few.count(b"HTTP/1.1 200") == 5
    many = exchange(served, *[(HEAD + b"\r\n" + BODY) * 1000] * 5, pieces=5000)
    assert many.count(b"HTTP/1.1 200") < 5000
    assert_alive(served)


@pytest.mark.parametrize(
    ("request_bytes", "answered"),
    [
        (b"POST " + PATH + b" HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY, b"200"),
        (HEAD + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n" + BODY, b"400"),
        (HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n\r\n" + BODY, b"200"),
        (b"GET " + PATH + b" HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", b"405"),
        (b"POST " + PATH + b" HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", b"408"),
        (b"OPTIONS " + PATH + b" HTTP/1.1\r\nhost: a\r\n\r\n", b"405"),
        (b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", b"4"),
        (b"HEAD /v2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"200"),
        (b"TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", b"4"),
        (b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", b"4"),
        (b"POST " + PATH + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", b"400"),
        (b"POST " + PATH + b" HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"GET /%ff%00/\xc3\xbc HTTP/1.1\r\nhost: a\r\n\r\n", b"4"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (HEAD + b"content-encoding: gzip\r\n\r\n" + BODY, b"415"),
        (HEAD + b"expect: 100-continue\r\n\r\n" + BODY, b"100"),
    ],
)
def test_unusual_http_gets_no_5xx(request_bytes: bytes, answered: bytes, served: Served) -> None:
    answer = exchange(served, request_bytes)
    assert answer.startswith(b"HTTP/1.1 " + answered), answer[:300]
    assert_alive(served)


def test_clients_that_leave_at_any_moment_leave_nothing_behind(served: Served) -> None:
    whole = HEAD + b"\r\n" + BODY
    for place in range(1, len(whole) + 1):
        with socket.create_connection(("127.0.0.1", served.port), timeout=SILENCE) as connection:
            connection.sendall(whole[:place])
    assert_alive(served)
    assert served.total("slipway_requests_total", code="5xx") == 0


def test_malformed_requests_do_not_fill_the_log(served: Served) -> None:
    for _ in range(200):
        exchange(served, b"no http at all\r\n\r\n")
    assert served.log.read_text().count("Invalid HTTP request") < 10
