"""Customers who say later what was true: each request names its event, and labels are published as a file."""

from __future__ import annotations

import http.client
import io
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.cluster import addresses
from tests.demo import kube, traffic
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.loopback import answering
from tests.rows.fixtures import EXAMPLES

POSITIVE, NEGATIVE = "1", "0"
_PER_TWENTY = 20
_PAUSE = 0.05  # seconds between requests


def late_task(name: str, namespace: str, labels: str, p95: str) -> Object:
    """The quickstart's contract, whose labels come later."""
    (found,) = kube.manifests(EXAMPLES / "task.yaml", {})
    label = {**found["spec"]["label"], "maturity": {"p95": p95, "completeness": "90%"}, "source": {"uri": labels}}
    spec = {**found["spec"], "timestamp": "asked_at", "label": label}
    return {**found, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


@dataclass(frozen=True)
class Event(Row):
    """A page that is asked about once, by its name."""

    page: str = ""

    def instance(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {**super().instance(), "page": self.page}


class Customers:
    """Asks in a thread of its own. Of predicted positives so many in twenty are right, as `right` says at that moment;
    what the model does not call positive is none."""

    def __init__(self, target: traffic.Target, rows: Sequence[Row], right: int) -> None:
        self.right = right
        self.flagged: Counter[bool] = Counter()
        self.failures: list[str] = []
        self._target, self._rows = target, rows
        self._labels: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Until the block ends."""
        thread = threading.Thread(target=self._ask, name="customers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(timeout=30)

    @contextmanager
    def telling(self) -> Iterator[str]:
        """The URI of their labels so far, on the node's address, where pods reach it."""
        customers = self

        class Labels(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = customers.labels().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        with answering(Labels, addresses.NODE) as address:
            yield f"http://{address}/labels.csv"

    def labels(self) -> str:
        """As a CSV file."""
        out = io.StringIO()
        with self._lock:
            lines = [f"{page},{label}" for page, label in self._labels.items()]
        out.write("\n".join(["page,is_phishing", *lines, ""]))
        return out.getvalue()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._target.address, self._target.port, timeout=10)
        for number, row in zip(itertools.count(), itertools.cycle(self._rows), strict=False):
            if self._stop.wait(_PAUSE):
                break
            event = Event(row.number, row.features, row.label, row.split, f"page-{number}")
            try:
                _, answer = traffic.ask(connection, self._target, event, f"visitor-{number}")
            except (OSError, http.client.HTTPException, ValueError) as fault:
                self.failures.append(f"{type(fault).__name__}: {fault}")
                connection.close()
                continue
            self._tell(event.page, answer)
        connection.close()

    def _tell(self, page: str, answer: str) -> None:
        with self._lock:
            right = answer == POSITIVE and sum(self.flagged.values()) % _PER_TWENTY < self.right
            if answer == POSITIVE:
                self.flagged[right] += 1
            self._labels[page] = POSITIVE if right else NEGATIVE
