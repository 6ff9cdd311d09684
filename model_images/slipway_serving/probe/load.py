"""A bounded load at a fixed concurrency, in a closed loop: each client asks again when it has its answer."""

from __future__ import annotations

import http.client
import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.statistics.quantiles import excess

from slipway_serving.probe.client import Connection

_PAUSE_SECONDS = 0.005
_WARM_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """At most `requests` and at most `seconds`, at `concurrency`. `limits` are seconds by share: {0.99: 0.1}.

    A load ends early when so many answers lie above a limit that the rest cannot change what `alpha` says of it.
    """

    concurrency: int
    requests: int
    seconds: float
    limits: Mapping[float, float]
    alpha: float

    @property
    def timeout(self) -> float:
        """How long one answer is waited for: it is lost for the verdict long before."""
        return max(10.0, 10 * max(self.limits.values(), default=1.0))


@dataclass
class Taken:
    """Seconds per answer; infinity for one that did not come or was no 200. `pauses` are the machine's own delays."""

    latencies: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""


def warm_up(connect: Callable[[], Connection], path: str, bodies: Sequence[bytes], plan: Plan) -> None:
    """Lets caches and threads of the server come to rest; what it answers is not looked at."""
    few = max(20, 2 * plan.concurrency)
    run(connect, path, bodies, Plan(plan.concurrency, few, _WARM_UP_SECONDS, {}, plan.alpha))


def run(connect: Callable[[], Connection], path: str, bodies: Sequence[bytes], plan: Plan) -> Taken:
    """Runs the load to its end."""
    load = _Load(connect, path, bodies, plan)
    clients = [threading.Thread(target=load.client) for _ in range(plan.concurrency)]
    watch = threading.Thread(target=load.watch)
    start = time.perf_counter()
    for thread in (watch, *clients):
        thread.start()
    for thread in clients:
        thread.join()
    load.taken.seconds = time.perf_counter() - start
    load.over.set()
    watch.join()
    return load.taken


class _Load:
    """What the clients of one load share."""

    def __init__(self, connect: Callable[[], Connection], path: str, bodies: Sequence[bytes], plan: Plan) -> None:
        self._connect, self._path, self._bodies, self._plan = connect, path, bodies, plan
        self._tickets = itertools.count()
        self._deadline = time.perf_counter() + plan.seconds
        self._lock = threading.Lock()
        self._left = {limit: excess(plan.requests, share, plan.alpha) for share, limit in plan.limits.items()}
        self.taken = Taken()
        self.over = threading.Event()

    def client(self) -> None:
        """One client's loop."""
        connection = self._connect()
        while not self.over.is_set() and time.perf_counter() < self._deadline:
            ticket = next(self._tickets)
            if ticket >= self._plan.requests:
                break
            self._record(*self._timed(connection, self._bodies[ticket % len(self._bodies)]))
        connection.close()

    def _timed(self, connection: Connection, body: bytes) -> tuple[float, str]:
        start = time.perf_counter()
        try:
            answer = connection.ask(self._path, body)
        except (OSError, http.client.HTTPException) as error:
            return math.inf, f"no answer: {error}"
        seconds = time.perf_counter() - start
        return (seconds, "") if answer.status == 200 else (math.inf, answer.shown())

    def _record(self, seconds: float, failure: str) -> None:
        with self._lock:
            self.taken.latencies.append(seconds)
            self.taken.failure = self.taken.failure or failure
            for limit in self._left:
                self._left[limit] -= seconds > limit
            if any(left <= 0 for left in self._left.values()):
                self.over.set()

    def watch(self) -> None:
        """How late a thread wakes that asked for 5 ms: what the machine, not the model, adds to an answer.

        Idea: Gil Tene's jHiccup.
        """
        while not self.over.is_set():
            start = time.perf_counter()
            time.sleep(_PAUSE_SECONDS)
            self.taken.pauses.append(max(0.0, time.perf_counter() - start - _PAUSE_SECONDS))
