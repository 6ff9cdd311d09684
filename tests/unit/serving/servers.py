"""A served model in a process of its own on loopback, as its image starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.loopback import free_port

SOURCES = ":".join(str(Path(__file__).parents[3] / part) for part in ("model_images", "operator"))
EXAMPLE = Path(__file__).parents[3] / "examples" / "own-image" / "server.py"


@dataclass
class Served:
    """One running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def call(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, parsed body and headers; `body` may be bytes, or what becomes JSON; without one it is a GET."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, content, headers or {})
        answer: HTTPResponse = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = answer.headers.get("content-type") == "application/json"
        return answer.status, json.loads(text) if is_json else text, dict(answer.headers)

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Samples by name."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.call("/metrics")[1]):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry `labels`."""
        return sum(value for own, value in self.metrics().get(name, []) if labels.items() <= own.items())

    def wait(self, path: str = "/readyz", seconds: float = 60) -> None:
        """Returns when `path` answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.call(path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{path} is not 200; exit {self.process.poll()}; log:\n{self.log.read_text()}")


@contextmanager
def serving(model: Path, home: Path, module: str = "slipway_serving.service", **environment: str) -> Iterator[Served]:
    """Starts a server for `model`, and ends it."""
    port = free_port()
    own = {
        "SLIPWAY_MODEL": str(model),
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_PORT": str(port),
        "SLIPWAY_ROLLOUT": "shop/fraud",
        "SLIPWAY_REVISION": "r1",
        "SLIPWAY_VERSION": "7",
        "SLIPWAY_MODEL_NAME": "fraud",
        "SLIPWAY_DRAIN_SECONDS": "0",
        "PYTHONPATH": SOURCES,
        "OMP_NUM_THREADS": "1",
        "BENTOML_HOME": str(home / "bentoml"),
        **environment,
    }
    with _started([sys.executable, "-m", module], own, home, port) as served:
        yield served


@contextmanager
def example(home: Path) -> Iterator[Served]:
    """The server that docs/own-image.md shows, in a process of its own."""
    port = free_port()
    own = {"SLIPWAY_PORT": str(port), "SLIPWAY_REVISION": "r1"}
    with _started([sys.executable, str(EXAMPLE)], own, home, port) as served:
        yield served


@contextmanager
def _started(command: list[str], own: dict[str, str], home: Path, port: int) -> Iterator[Served]:
    log = home / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=sink, stderr=sink)
    try:
        yield Served(port, process, log)
    finally:
        process.kill() if process.poll() is None else None
        process.wait(20)
