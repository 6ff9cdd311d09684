"""One client's connection: uvicorn's, with bounds on what comes before and around a request's body.

Its parser takes a head of any size, a trailer of any size and any number of pipelined requests.
"""

from __future__ import annotations

import re
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_BYTES = 64 << 10  # as much as Envoy takes
_HEAD_SECONDS = 10.0
_PIPELINED = 100
# HTTP/2 is offered by Java's own client with its first requests. Who does not speak it answers as if nothing had been
# said (RFC 9110, 7.8); the parser would end the message with its head instead, and lose the body.
_OFFER = re.compile(rb"(\r\n)upgrade(:[ \t]*h2c[ \t]*\r\n)", re.I)


class BoundedConnection(HttpToolsProtocol):
    """Closes a connection whose head is too large or too slow, whose message never ends, or that asks far ahead.

    Subclasses say by `message_bytes` how much one request may send in all, refused bodies and trailers included.
    """

    message_bytes = 64 << 20

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._taken = 0
        self._late: TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Counts what came since the last request's head was complete."""
        before = self.cycle
        in_body = before is not None and before.more_body
        super().data_received(data if in_body else _without_offer(data))
        if self.cycle is not before:
            self._taken = 0
            self._unset_late()
        elif in_body:
            self._taken = self._taken + len(data) if before.more_body else 0
            if self._taken > self.message_bytes:
                self.transport.abort()
        else:
            self._head(len(data))
        if len(self.pipeline) > _PIPELINED:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets its timer."""
        self._unset_late()
        super().connection_lost(exc)

    def _head(self, size: int) -> None:
        """Part of a head has come: the next one, or the first."""
        if self.transport.is_closing():
            return
        self._taken += size
        if self._taken > _HEAD_BYTES:
            self.send_400_response("The request's head is too large.")
        elif self._late is None:
            self._late = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _unset_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _without_offer(data: bytes) -> bytes:
    """What begins with a head, or a part of one, without the offer to speak HTTP/2."""
    if b"h2c" not in data:
        return data
    head, end, rest = data.partition(b"\r\n\r\n")
    return _OFFER.sub(rb"\1x-upgrade\2", head + end) + rest
