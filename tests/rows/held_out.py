"""Visitors of a service that holds some of them out: who is, what each is answered, and a loop that they make."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.demo.traffic import Target, bucket
from tests.rows.service import Service

CELLS = 4096
SLICE = "long_url"
POSITIVE, NEGATIVE = "1", "0"
VISITORS = 400
INSTANCES = 20


@dataclass(frozen=True)
class Answer:
    """What one request got."""

    revision: str
    labels: list[str]
    decided_by: list[str]


def ask(
    connection: http.client.HTTPConnection, target: Target, pages: Sequence[dict[str, float]], visitor: str, **more: str
) -> Answer:
    """One request with several pages; `more` are headers, with underscores."""
    headers = {"Host": target.host, "content-type": "application/json", target.header: bucket(visitor)}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    connection.request("POST", f"/v1/models/{target.model}:predict", json.dumps({"instances": list(pages)}), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    document = json.loads(text)
    labels = [str(label) for label in document["predictions"]]
    return Answer(answer.headers.get("x-slipway-revision", ""), labels, document.get("decided_by", []))


@contextmanager
def connected(service: Service) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def is_held(service: Service, visitor: str) -> bool:
    """By the status: the digits from 60 to 62 of the visitor's digest, among the cells that are held out."""
    known = service.read()["status"]["holdout"]
    return (int(bucket(visitor)[60:63], 16) - int(known.get("first", 0))) % CELLS < int(known["cells"])


def visitors(service: Service, held: bool, count: int) -> list[str]:
    names = (f"visitor-{number}" for number in range(VISITORS))
    known = {name: is_held(service, name) for name in itertools.islice(names, 20 * count)}
    return [name for name, is_one in known.items() if is_one is held][:count]


@dataclass(frozen=True)
class Pages:
    """Pages of two slices that the model calls positive, and others, by the slice's value."""

    positive: dict[float, list[dict[str, float]]]
    negative: dict[float, list[dict[str, float]]]

    @property
    def values(self) -> list[float]:
        """The slices, the one with most pages of its rarer side first."""
        sizes = {value: min(len(self.positive[value]), len(self.negative[value])) for value in self.positive}
        return sorted(sizes, key=lambda value: -sizes[value])[:2]


@dataclass
class Loop:
    """Visitors who ask about pages of their slice, by chance. In the slice that loops, whoever was told "phishing" asks
    from then on about pages that the model calls trustworthy: what it answers changes what it is asked."""

    service: Service
    pages: Pages
    loops: float | None = None
    failures: list[str] = field(default_factory=list)
    asked: int = 0

    @contextmanager
    def asking(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop,), name="visitors", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=60)

    def _work(self, stop: threading.Event) -> None:
        dice, warned = random.Random(56), set()
        connection = http.client.HTTPConnection(self.service.target.address, self.service.target.port, timeout=20)
        for number in itertools.cycle(range(VISITORS)):
            if stop.wait(0.04):  # some twenty requests a second: what the others of a small machine leave
                break
            visitor, value = f"visitor-{number}", self.pages.values[number % 2]
            sides = [self.pages.negative[value]] + [self.pages.positive[value]] * (visitor not in warned)
            chosen = [dice.choice(dice.choice(sides)) for _ in range(INSTANCES)]
            try:
                answer = ask(connection, self.service.target, chosen, visitor)
            except (AssertionError, OSError, http.client.HTTPException) as fault:
                self.failures.append(f"{type(fault).__name__}: {fault}"[:300])
                connection.close()
                continue
            self.asked += 1
            if value == self.loops and POSITIVE in answer.labels:
                warned.add(visitor)
        connection.close()
