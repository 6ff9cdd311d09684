"""Requests to the served application in this process: what a socket would bring, without one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slipway_serving.service.application import Application

_CHUNK = 16 << 10


async def call(
    application: Application, path: str, body: bytes | None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Status, parsed body and headers; without a body it is a GET. The body comes in chunks, as from a network."""
    chunks = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)] if body else [b""]
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "path": path, "method": "GET" if body is None else "POST", "headers": named}
    await application(scope, receive, send)
    start, content = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    is_json = answered["content-type"] == "application/json"
    return start["status"], json.loads(content["body"]) if is_json else content["body"].decode(), answered
