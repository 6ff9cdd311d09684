"""The thin layer between ASGI and the handlers: a bounded body in, a JSON answer out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self

from slipway_serving.service.schema import InvalidInput

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REQUEST_BYTES = 8 << 10
"""What a request costs beside its body: its task, headers and connection."""

DRAINED_BYTES = 64 << 20
"""So much of a body that is refused is read and dropped: an answer in the middle of it may be lost in a proxy."""


class ClientGone(Exception):
    """The client closed its connection before its request was complete: there is nobody to answer."""


class Unread(InvalidInput):
    """A refusal of a body that was not read to its end: its connection cannot carry another request."""


@dataclass(frozen=True)
class BodyLimits:
    """One body: at most so many bytes, in at most so many seconds."""

    most: int
    seconds: float

    @property
    def too_large(self) -> str:
        """The refusal of one that is larger."""
        return f"the body is larger than {self.most} bytes"


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Text that is no Unicode is escaped, so that an answer always can be written."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode(), headers=headers or {})


def refusal(error: InvalidInput) -> Response:
    """The client's fault, naming the field."""
    headers = {"connection": "close"} if isinstance(error, Unread) else {}
    if error.status == 429:
        headers["retry-after"] = "1"
    return json_response(error.status, {"error": str(error), "field": error.field}, headers)


def read_headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; of a repeated one the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


class InFlight:
    """The bytes of all requests that are being read or answered: together at most `most`.

    A request counts for its body and for what it costs beside that, so that their number is bounded too.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0


class Held:
    """One request's share, given back when its block ends."""

    __slots__ = ("_bytes", "_flight")

    def __init__(self, flight: InFlight) -> None:
        self._flight = flight
        self._bytes = 0

    def __enter__(self) -> Self:
        self._bytes = REQUEST_BYTES
        self._flight.held += REQUEST_BYTES
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Gives everything back before the end: the body is not kept."""
        self._flight.held -= self._bytes
        self._bytes = 0

    def add(self, size: int) -> bool:
        """Takes `size` more bytes, or says that there is no room for them."""
        if self._flight.held + size > self._flight.most:
            return False
        self._flight.held += size
        self._bytes += size
        return True


def check_encoding(headers: Mapping[str, str]) -> None:
    """Bodies are plain JSON. Raises InvalidInput (415) for what is said to be something else."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise InvalidInput("content-encoding", "is not taken: send the body as it is, uncompressed", 415)
    if "inference-header-content-length" in headers:
        said = "is not taken: this server has no binary data extension; send each tensor's values in data"
        raise InvalidInput("inference-header-content-length", said, 415)


async def read_body(headers: Mapping[str, str], receive: Receive, limits: BodyLimits, held: Held) -> bytes:
    """The whole body.

    One that is refused is read to its end all the same, so that its connection can be used again and a proxy meets no
    reset; one that is far too large or too slow is not (Unread).

    Raises InvalidInput: 413 beyond `limits.most` bytes, 429 where all requests together leave no room, 408 for one that
    does not come in time. Raises ClientGone when it never ends.
    """
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > limits.most:
        far = int(announced[:20]) > DRAINED_BYTES
        if far or "expect" in headers:  # who waits for a word before sending it may never send it
            raise Unread("", limits.too_large, 413)
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(receive, limits, held)
    except TimeoutError:
        raise Unread("", f"the body did not come within {limits.seconds:g} s", 408) from None


async def _read(receive: Receive, limits: BodyLimits, held: Held) -> bytes:
    body, size = bytearray(), 0
    refused: InvalidInput | None = None
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if refused is None:
            refused = _refused(size, len(chunk), limits, held)
            if refused is None and size == len(chunk) and not message.get("more_body"):
                return chunk  # as nearly always: it came whole
            body += chunk
        if refused is not None:
            body.clear()
            held.release()
            if size > DRAINED_BYTES:
                raise Unread("", limits.too_large, 413)
        if not message.get("more_body"):
            if refused is not None:
                raise refused
            return bytes(body)


def _refused(size: int, new: int, limits: BodyLimits, held: Held) -> InvalidInput | None:
    if size > limits.most:
        return InvalidInput("", limits.too_large, 413)
    if not held.add(new):
        return InvalidInput("", "this pod holds too many requests already; try again", 429)
    return None


async def send_response(response: Response, send: Send) -> None:
    """Writes one answer."""
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers.items()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
