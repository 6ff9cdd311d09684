"""SIGTERM finds a server that has read what it was sent, also on a node that is busy."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

from slipway_serving.probe.contract import stopping
from slipway_serving.probe.contract.subject import Asked, Subject
from slipway_serving.probe.smoke import Requests

BODY = b'{"instances": [[1]]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Late:
    """A server that gets no CPU for a while, and closes at SIGTERM what it has not read."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._terminated, self._over = seconds, threading.Event(), False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def terminate(self) -> None:
        self._terminated.set()

    def ended(self) -> bool:
        return self._over

    def _serve(self) -> None:
        with ExitStack() as opened, self._listener:
            taken = [opened.enter_context(self._listener.accept()[0]) for _ in range(2)]
            time.sleep(self._seconds)
            if not self._terminated.is_set():
                for connection in taken:
                    read = b""
                    while not read.endswith(BODY):
                        read += connection.recv(1 << 16)
                    connection.sendall(ANSWER)
        self._over = True


def asked(seconds: float) -> str:
    """What the clause says of a server that is so late."""
    server = Late(seconds)
    subject = Subject(Asked("127.0.0.1", server.port, process=server))
    subject._requests = Requests("model", "Example", (BODY,), (BODY,))
    said = stopping.stop(subject)
    assert subject.terminated
    return said


def test_a_server_that_reads_late_keeps_the_clause() -> None:
    assert asked(0.6) == ""


def test_one_that_lets_go_what_it_has_not_read_is_caught() -> None:
    assert "got no answer" in asked(3.0)
