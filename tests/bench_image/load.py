"""A load generator that costs little itself: whole requests made beforehand, one system call to send each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One request, as it is sent each time."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> bytes:
        """All its bytes."""
        own = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in (own | dict(self.headers)).items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, message: bytes) -> bytes:
        """Sends a request and returns the body of its answer. Raises AssertionError for any that is no 200."""
        self._socket.sendall(message)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more(received)
        head = received[:end].lower()
        assert head.startswith(b"http/1.1 200"), received[:2000]
        _, found, rest = head.partition(b"content-length:")
        assert found, f"no content-length: {head!r}"
        missing = end + 4 + int(rest.partition(b"\r\n")[0]) - len(received)
        while missing > 0:
            received += (more := self._more(received))
            missing -= len(more)
        return received[end + 4 :]

    def _more(self, received: bytes) -> bytes:
        more = self._socket.recv(65536)
        assert more, f"the server has closed the connection after {received[:2000]!r}"
        return more

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()


def ask_many(port: int, request: Request, times: int, clients: int = 1) -> list[float]:
    """A closed loop: `clients` ask `times` in all, each again when it has its answer. Returns seconds per answer."""
    taken: list[float] = []
    failed: list[BaseException] = []
    message = request.message

    def loop() -> None:
        try:
            client = Client(port)
            for _ in range(times // clients):
                start = time.perf_counter()
                client.ask(message)
                taken.append(time.perf_counter() - start)
            client.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=loop) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return taken
