"""Bodies that are too large, too slow, too many or never whole: bounded, counted, and nothing is kept of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from slipway_serving.service.application import Application
from slipway_serving.service.http import DRAINED_BYTES, REQUEST_BYTES

from tests.unit.serving.test_refusals import GOOD, SETTINGS, V1, application, counted, held

Sent = list[Any]
ROUTED = [(b"x-slipway-revision", b"r1"), (b"x-slipway-assignment", b"3.17")]


async def post(
    served: Application, messages: Sequence[Any], pause: Callable[[], Awaitable[Any]], length: int | None = None
) -> Sent:
    """What is sent for a request whose messages come one by one, with a pause before each but the first."""
    left, sent = list(messages), list[Any]()

    async def receive() -> Any:
        if len(left) < len(messages):
            await pause()
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [*ROUTED, *([(b"content-length", str(length).encode())] if length is not None else [])]
    await served({"type": "http", "path": V1, "method": "POST", "headers": headers}, receive, send)
    return sent


def chunk(content: bytes, more: bool = True) -> Any:
    return {"type": "http.request", "body": content, "more_body": more}


async def at_once() -> None:
    """No pause."""


def status(sent: Sent) -> tuple[int, bytes | None]:
    """The answer's code, and what it says of the connection."""
    return sent[0]["status"], dict(sent[0]["headers"]).get(b"connection")


def test_a_body_in_pieces_is_read_whole() -> None:
    served = application()
    pieces = [chunk(GOOD[place : place + 1]) for place in range(len(GOOD))]
    assert status(asyncio.run(post(served, [*pieces, chunk(b"", more=False)], at_once))) == (200, None)
    assert held(served) == 0


def test_a_large_body_is_dropped_as_it_comes_and_its_connection_kept() -> None:
    served, most = application(), 0

    async def look() -> None:
        nonlocal most
        most = max(most, held(served))

    pieces = [chunk(b"x" * 600)] * 1000
    assert status(asyncio.run(post(served, [*pieces, chunk(b"", more=False)], look))) == (413, None)
    assert most <= REQUEST_BYTES + SETTINGS.max_body
    assert (counted(served, "4xx"), held(served)) == (1, 0)


def test_a_body_without_an_end_ends_its_connection() -> None:
    served = application()
    piece = chunk(b"x" * (1 << 20))
    assert status(asyncio.run(post(served, [piece] * 100, at_once))) == (413, b"close")
    assert status(asyncio.run(post(served, [], at_once, length=DRAINED_BYTES + 1))) == (413, b"close")


def test_a_slow_body_is_not_waited_for() -> None:
    served = application()
    sent = asyncio.run(post(served, [chunk(GOOD[:5]), chunk(GOOD[5:], more=False)], lambda: asyncio.sleep(30)))
    assert status(sent) == (408, b"close")
    assert (counted(served, "4xx"), counted(served, "5xx"), held(served)) == (1, 0, 0)


def test_a_client_that_leaves_is_counted_and_is_no_evidence() -> None:
    served = application()
    assert asyncio.run(post(served, [chunk(GOOD[:5]), {"type": "http.disconnect"}], at_once)) == []
    assert (counted(served, "4xx"), counted(served, "5xx"), held(served)) == (1, 0, 0)
    assert asyncio.run(post(served, [chunk(GOOD, more=False)], at_once))[0]["status"] == 200
    page = served._metrics({}).body.decode()
    evidence = [line for line in page.splitlines() if line.startswith("slipway_evidence_requests{")]
    assert [line.rpartition(" ")[2] for line in evidence] == ["1"]
    assert 'code="2xx"' in evidence[0]


def test_all_bodies_together_are_bounded_and_room_comes_back() -> None:
    served = application(settings=replace(SETTINGS, max_in_flight=3 * REQUEST_BYTES + 100, body_seconds=5))

    async def run() -> tuple[list[Any], Any]:
        gate = asyncio.Event()
        pieces = [chunk(GOOD), chunk(b"", more=False)]
        waiting = [asyncio.create_task(post(served, pieces, gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await post(served, [chunk(b"x" * 90, more=False)], at_once)
        gate.set()
        return refused, [status(sent) for sent in await asyncio.gather(*waiting)]

    refused, others = asyncio.run(run())
    assert status(refused) == (429, None)
    assert dict(refused[0]["headers"])[b"retry-after"] == b"1"
    assert (others, held(served)) == ([(200, None)] * 2, 0)
    assert asyncio.run(post(served, [chunk(b"x" * 90, more=False)], at_once))[0]["status"] == 400
