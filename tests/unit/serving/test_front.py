"""Which requests pass BentoML's routes, and what reaches the socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slipway_serving.service.front import Front, _Transport


class Socket:
    """Stands where a transport is: what was written to it, call by call."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def over(socket: Any) -> _Transport:
    return _Transport(socket)


def test_head_and_body_are_one_write_and_further_chunks_are_their_own() -> None:
    socket = Socket()
    one = over(socket)
    for data in (HEAD, b"ok", b"more"):
        one.write(data)
    assert socket.written == [HEAD + b"ok", b"more"]
    assert one.get_extra_info("peername") == "peername"


def test_a_head_without_a_body_leaves_when_the_answer_ends_or_the_connection_does() -> None:
    flushed, closed = Socket(), Socket()
    one, other = over(flushed), over(closed)
    for transport in (one, other):
        transport.write(HEAD)
    assert (flushed.written, closed.written) == ([], [])
    one.flush()
    one.flush()
    other.close()
    assert (flushed.written, closed.written, closed.closed) == ([HEAD], [HEAD], True)


def test_the_word_to_go_on_does_not_wait() -> None:
    socket = Socket()
    over(socket).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(socket.written) == 1


@pytest.mark.parametrize(
    ("kind", "path", "goes"),
    [
        ("http", "/v1/models/m:predict", "application"),
        ("http", "/v2/models/m/infer", "application"),
        ("http", "/predict", "application"),
        ("http", "/readyz", "framework"),
        ("http", "/metrics", "framework"),
        ("lifespan", "", "framework"),
    ],
)
def test_predictions_go_straight_to_the_application(kind: str, path: str, goes: str) -> None:
    reached: list[str] = []

    def named(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append(name)

        return app

    nobody: Any = None
    asyncio.run(Front(named("application"), named("framework"))({"type": kind, "path": path}, nobody, nobody))
    assert reached == [goes]
