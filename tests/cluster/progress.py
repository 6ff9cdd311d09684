"""What the cluster does, as it does it: one line per event, each with the seconds since the start."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tests.cluster.errors import ClusterError


class Progress:
    """Writes whole lines from any thread. Silent where nothing is done, so that a warm call prints little."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()

    @property
    def elapsed(self) -> float:
        """Seconds since this object was made."""
        return self._clock() - self._started

    def say(self, text: str) -> None:
        """One line."""
        with self._lock:
            self._stream.write(f"[{self.elapsed:6.1f} s] {text}\n")
            self._stream.flush()

    @contextmanager
    def step(self, name: str, every: float = 20.0) -> Iterator[None]:
        """Says when a step starts, each `every` seconds that it goes on, and how long it took or that it failed."""
        started = self._clock()
        done = threading.Event()
        self.say(f"{name} …")
        ticker = threading.Thread(target=self._tick, args=(name, started, done, every), daemon=True)
        ticker.start()
        outcome, why = "failed after", ""
        try:
            yield
            outcome = "done in"
        except ClusterError as error:
            why = f": {error.message.splitlines()[0]}"
            raise
        finally:
            done.set()
            ticker.join()
            self.say(f"{name}: {outcome} {self._clock() - started:.1f} s{why}")

    def _tick(self, name: str, started: float, done: threading.Event, every: float) -> None:
        while not done.wait(every):
            self.say(f"{name}: {self._clock() - started:.0f} s so far")
