"""The application: sends real rows through the gateway at a bounded rate, and counts what comes back.

The data set has no user, so this client makes its own visitors and says so: a visitor is `visitor-<n>`, and the header
`x-slipway-bucket` is the hex SHA-256 of that name, as a real application would send the digest of its customer's id.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.demo.data import Row

WORKERS = 8
VISITORS = 50_000
TIMEOUT = 10.0  # seconds
MOST_FAILURES = 5_000  # that are kept with their time; all are counted


@dataclass(frozen=True)
class Target:
    """Where requests go: the gateway's address, and the virtual host and model behind it."""

    address: str
    port: int
    host: str
    model: str
    header: str = "x-slipway-bucket"


@dataclass(frozen=True)
class Failure:
    """One request that a user would have seen fail."""

    at: float
    what: str


@dataclass
class Tally:
    """What the client saw since it started. Revisions are those that answers name in `x-slipway-revision`."""

    sent: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    positives: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def positive_rate(self, revision: str) -> float | None:
        """Share of the answers of a revision that said "positive"."""
        count = self.answered[revision]
        return self.positives[revision] / count if count else None


class Traffic:
    """A paced, bounded client: at most `rate` requests a second and `limit` in all, over kept connections.

    It never retries: what fails is counted as failed. `seen` is told of each answer, in the client's threads: the
    revision, the prediction, and who asked.
    """

    def __init__(
        self,
        target: Target,
        rows: Sequence[Row],
        rate: float,
        limit: int,
        positive: str = "1",
        seen: Callable[[str, str, str], None] = lambda revision, prediction, visitor: None,
    ) -> None:
        self._target = target
        self._rows = tuple(rows)
        self._rate = rate
        self._limit = limit
        self._positive = positive
        self._seen = seen
        self._random = random.Random(17)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._next = 0.0
        self._threads: list[threading.Thread] = []
        self.tally = Tally()

    def __enter__(self) -> Traffic:
        self._next = time.monotonic()
        for number in range(WORKERS):
            thread = threading.Thread(target=self._work, name=f"client-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=TIMEOUT + 1)

    def send_instead(self, rows: Sequence[Row]) -> None:
        """From now on, requests are drawn from these rows."""
        self._rows = tuple(rows)

    def at_rate(self, rate: float) -> None:
        """Changes the pace, in requests a second."""
        with self._lock:
            self._rate = rate

    def read(self) -> Tally:
        """A copy of the counts, consistent in itself."""
        with self._lock:
            now = self.tally
            return replace(
                now,
                answered=Counter(now.answered),
                positives=Counter(now.positives),
                failures=list(now.failures),
                seconds=list(now.seconds),
            )

    def _turn(self) -> tuple[float, Row, str] | None:
        """The next request: when, which row, which visitor; None when the client is to end."""
        with self._lock:
            if self._stop.is_set() or self.tally.sent >= self._limit:
                return None
            self.tally.sent += 1
            at = max(self._next, time.monotonic() - 0.5)  # a stall is not made up for by a burst
            self._next = at + 1 / self._rate
            return at, self._random.choice(self._rows), f"visitor-{self._random.randrange(VISITORS)}"

    def _work(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while (turn := self._turn()) is not None:
            at, row, visitor = turn
            if self._stop.wait(max(0.0, at - time.monotonic())):
                with self._lock:
                    self.tally.sent -= 1  # drawn, and never sent
                break
            started = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(
                    self._target.address, self._target.port, timeout=TIMEOUT
                )
                revision, prediction = ask(connection, self._target, row, visitor)
            except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as fault:
                if connection is not None:
                    connection.close()
                connection = None
                self._failed(f"{type(fault).__name__}: {fault}")
            else:
                self._answered(revision, prediction, time.monotonic() - started)
                self._seen(revision, prediction, visitor)
        if connection is not None:
            connection.close()

    def _failed(self, what: str) -> None:
        with self._lock:
            self.tally.failed += 1
            if len(self.tally.failures) < MOST_FAILURES:
                self.tally.failures.append(Failure(time.time(), what))

    def _answered(self, revision: str, prediction: str, seconds: float) -> None:
        with self._lock:
            self.tally.answered[revision] += 1
            self.tally.positives[revision] += prediction == self._positive
            self.tally.seconds.append(seconds)


def bucket(entity: str) -> str:
    """All 64 hex digits of the entity's SHA-256: what the assignment header carries."""
    return hashlib.sha256(entity.encode()).hexdigest()


def ask(connection: http.client.HTTPConnection, target: Target, row: Row, visitor: str) -> tuple[str, str]:
    """One request; returns (revision that answered, prediction).

    Raises:
        ValueError: for any answer but 200 with one prediction.
        OSError, http.client.HTTPException: for a connection that failed.
    """
    headers = {
        "Host": target.host,
        "content-type": "application/json",
        "x-request-id": str(uuid.uuid4()),
        target.header: bucket(visitor),
    }
    body = json.dumps({"instances": [row.instance()]})
    connection.request("POST", f"/v1/models/{target.model}:predict", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise ValueError(f"HTTP {answer.status}: {text[:200].decode(errors='replace')}")
    return answer.headers.get("x-slipway-revision", ""), _label(json.loads(text)["predictions"][0])


def _label(prediction: object) -> str:
    """A prediction as the task writes its labels: numbers without a trailing .0."""
    if isinstance(prediction, float) and prediction.is_integer():
        return str(int(prediction))
    return str(prediction)


def until_served(target: Target, row: Row, seconds: float, pause: Callable[[float], None] = time.sleep) -> None:
    """Waits for the first answer, before anything is counted.

    Raises:
        TimeoutError: with the last refusal.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(target.address, target.port, timeout=TIMEOUT)
        try:
            ask(connection, target, row, "visitor-0")
            return
        except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as fault:
            last = str(fault)
        finally:
            connection.close()
        pause(1.0)
    raise TimeoutError(f"the gateway gave no prediction within {seconds:g} s: {last}")
