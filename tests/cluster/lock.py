"""One at a time: an flock that dies with its holder, so that a killed run never leaves a stale lock."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.errors import ClusterError


@contextmanager
def exclusive(path: Path, waiting: Callable[[str], None], timeout: float = 3600.0) -> Iterator[None]:
    """Holds `path` exclusively; says once (through `waiting`) who it waits for. Raises ClusterError at the timeout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, waiting, timeout)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, waiting: Callable[[str], None], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"process {holder} has held {path} for {timeout:.0f} s",
                    f"look at what process {holder} does (ps -fp {holder}); end it if it hangs, then run this again",
                ) from None
            if not told:
                waiting(f"waiting for process {holder}, which is at work on the same thing")
                told = True
            time.sleep(0.2)
