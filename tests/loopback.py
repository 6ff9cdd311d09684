"""Ports and small servers of loopback for tests."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> Iterator[str]:
    """A server of this process; gives host:port, where nobody listens any more afterwards."""
    with ThreadingHTTPServer((host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{host}:{server.server_port}"
        server.shutdown()


_FIRST, _BLOCK, _BLOCKS = 23_000, 1000, 7
"""Above the ports of the local cluster, below those of NodePorts and those that the kernel gives to connections."""
_drawn = itertools.count(random.SystemRandom().randrange(_BLOCK))


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine that nobody listens on, and that no test beside this one is given.

    Until a server listens on it seconds pass: each worker of pytest has a block of its own, and goes round in it. One
    that the kernel chose could be another worker's by then, and the test would talk to the other's server.
    """
    for _ in range(_BLOCK):
        port = _FIRST + _block() * _BLOCK + next(_drawn) % _BLOCK
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise AssertionError(f"no port of block {_block()} is free")


def _block() -> int:
    """The last one is for who runs alone."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return int(worker.removeprefix("gw")) % (_BLOCKS - 1) if worker else _BLOCKS - 1


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20, host: str = "127.0.0.1") -> None:
    """Returns when `port` answers; fails when the process ends first or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}; exit code {process.poll()}")
