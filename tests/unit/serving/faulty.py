"""A server that keeps the contract, behind a proxy that breaks one clause of it.

A fake, since no server that we have breaks them: everything that it does not spoil comes from the real one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import answering

LARGE = 8 << 20


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What it gets."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Fault:
    """Breaks nothing; those below override one of these."""

    def asked(self, request: Request) -> Request:
        return request

    def answered(self, request: Request, reply: Reply) -> Reply:
        return reply

    def large(self) -> Reply:
        return Reply(413, b"{}")


class Answers(Fault):
    """Another answer where `matches`, from the `times` given on."""

    def __init__(self, path: str, change: Callable[[Reply], Reply], times: range = range(1 << 30)) -> None:
        self._path, self._change, self._times, self._seen = re.compile(path), change, times, 0

    def matches(self, request: Request, reply: Reply) -> bool:
        return bool(self._path.search(request.path))

    def answered(self, request: Request, reply: Reply) -> Reply:
        if not self.matches(request, reply):
            return reply
        self._seen += 1
        return self._change(reply) if self._seen - 1 in self._times else reply


class Refusals(Answers):
    """Another answer to a request whose body holds a text."""

    def __init__(self, text: bytes, change: Callable[[Reply], Reply]) -> None:
        super().__init__("", change)
        self._text = text

    def matches(self, request: Request, reply: Reply) -> bool:
        return request.method == "POST" and re.fullmatch(self._text, request.body) is not None


class Metrics(Answers):
    """Another page: lines that match are dropped, or written anew."""

    def __init__(self, pattern: str, line: str = "") -> None:
        def change(reply: Reply) -> Reply:
            page = re.sub(f"(?m)^{pattern}$", line, reply.body.decode())
            return replace(reply, body=page.encode())

        super().__init__("^/metrics$", change)


class LargeTaken(Fault):
    """A server without a bound."""

    def large(self) -> Reply:
        return Reply(200, b'{"predictions": [1]}')


class DirectIsLive(Fault):
    """Takes what did not come through the route for live."""

    def asked(self, request: Request) -> Request:
        return replace(request, headers={"x-slipway-revision": "r1", **request.headers})


class FailsOnceAfterLarge(Fault):
    """One valid request after the large one finds the server away."""

    def __init__(self) -> None:
        self._away = False

    def large(self) -> Reply:
        self._away = True
        return Reply(413, b"{}")

    def answered(self, request: Request, reply: Reply) -> Reply:
        away, self._away = self._away, False
        return Reply(502, b"{}") if away else reply


def status(code: int) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, status=code)


def body(document: Any) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, body=json.dumps(document).encode())


def header(name: str, value: str) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, headers={**reply.headers, name: value})


@contextmanager
def behind(port: int, fault: Fault) -> Iterator[int]:
    """The port of the proxy."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle(b"")

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            if length > LARGE:
                while length > 0:
                    length -= len(self.rfile.read(min(length, 1 << 20)))
                return self._send(fault.large())
            return self._handle(self.rfile.read(length))

        def _handle(self, content: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = fault.asked(Request(self.command, self.path, content, headers))
            self._send(fault.answered(request, _forwarded(port, request)))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                if value:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            pass

    with answering(Handler) as address:
        yield int(address.rpartition(":")[2])


def _forwarded(port: int, request: Request) -> Reply:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    dropped = ("host", "connection", "content-length", "accept-encoding")
    headers = {name: value for name, value in request.headers.items() if name not in dropped}
    connection.request(request.method, request.path, request.body or None, headers)
    answer = connection.getresponse()
    kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "content-length"}
    content = answer.read()
    connection.close()
    return Reply(answer.status, content, kept)
