"""The thin layer between ASGI and the handlers: a bounded body in, a JSON answer out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from slipway_serving.service.schema import InvalidInput

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGone(Exception):
    """The client closed its connection before its request was complete: there is nobody to answer."""


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
    return json_response(error.status, {"error": str(error), "field": error.field})


def read_headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; of a repeated one the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """The whole body. Raises InvalidInput (413) beyond `most` bytes, ClientGone when it never ends."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > most:
        raise InvalidInput("", f"the body is larger than {most} bytes", 413)
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > most:
            raise InvalidInput("", f"the body is larger than {most} bytes", 413)
        if not message.get("more_body"):
            return body


async def send_response(response: Response, send: Send) -> None:
    """Writes one answer."""
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers.items()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
