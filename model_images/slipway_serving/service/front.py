"""Between the socket and the application: predictions go straight to it, and an answer leaves in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

from slipway_serving.service.application import Application
from slipway_serving.service.connection import BoundedConnection
from slipway_serving.service.http import Receive, Scope, Send

_PREDICTIONS = (":predict", "/infer", "/predict")


class Front:
    """ASGI: predictions by the application itself, everything else by way of BentoML's routes, which mount it."""

    def __init__(self, application: Application, framework: Any) -> None:
        self._application, self._framework = application, framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = scope["type"] == "http" and scope["path"].endswith(_PREDICTIONS)
        await (self._application if direct else self._framework)(scope, receive, send)


class _Transport:
    """A transport that holds an answer's head back until its body comes: one system call and one packet for both."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100 "):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that no body follows."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Connection(BoundedConnection):
    """One client's bounded connection over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Transport(transport))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()
