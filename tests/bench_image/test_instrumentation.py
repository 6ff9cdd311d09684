"""CPU of a request with all measuring and the prediction log, over the same service without them: at most 1.10.

Both servers run at once and are asked in turns, so that whatever else the machine does falls on both. CPU is all that
their processes take from the first request until the last row is stored, from the kernel.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.serving.models import save_sklearn
from tests.unit.serving.servers import SOURCES, Served, serving

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, REQUESTS = 40, 100
MOST = 1.10
FEATURES = 20
HEADERS = {
    "content-type": "application/json", "x-request-id": "8f1b1f0e-5d53-4b6c-9d43-0f6d7b1f2c11",
    "x-slipway-revision": "r1", "x-slipway-assignment": "3.17", "x-slipway-bucket": hashlib.sha256(b"c").hexdigest(),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A model, and what it is asked."""

    directory: Path
    body: bytes


def matrix_model(directory: Path) -> Path:
    """A logistic regression on numbers, with the reference of each: the cheapest model that one would serve."""
    import cloudpickle  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(7)
    table = draw.random((500, FEATURES))
    model = LogisticRegression().fit(table, table[:, 0] > 0.5)
    directory.mkdir(parents=True)
    flavour = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, FEATURES]}}
    signature = {"inputs": json.dumps([tensor])}
    (directory / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": flavour}, "signature": signature}))
    (directory / "model.pkl").write_bytes(cloudpickle.dumps(model))
    edges = np.linspace(0, 1, 21)[1:-1].tolist()
    features = [{"name": str(i), "type": "Numeric", "edges": edges, "counts": [1] * 20} for i in range(FEATURES)]
    profile = {"features": features, "classes": ["False", "True"], "positive": "True", "threshold": "0.5"}
    (directory / "slipway").mkdir()
    (directory / "slipway/profile.json").write_text(json.dumps(profile))
    return directory


@pytest.fixture(scope="module", params=["matrix", "pipeline"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "matrix":
        row: Any = np.random.default_rng(8).random(FEATURES).tolist()
        return Case(matrix_model(home / "model"), json.dumps({"instances": [row]}).encode())
    row = {"amount": 0.9, "country": "it", "card": "4711"}
    return Case(save_sklearn(home / "model"), json.dumps({"instances": [row]}).encode())


@pytest.fixture
def servers(case: Case, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    """The whole server, and the bare one."""
    places = [tmp_path / "whole", tmp_path / "bare"]
    for place in places:
        place.mkdir()
    described = {"uri": f"file://{tmp_path}/lake", "spool": str(tmp_path / "spool"), "rotateSeconds": 30}
    whole = serving(case.directory, places[0], SLIPWAY_PREDICTION_LOG=json.dumps(described))
    path = os.pathsep.join((str(SOURCES), str(ROOT)))
    bare = serving(case.directory, places[1], module="tests.bench_image.bare", PYTHONPATH=path)
    with whole as first, bare as second:
        for server in (first, second):
            server.wait(seconds=300)  # other work may be on the machine
        yield first, second


def cpu_seconds(server: Served) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(server: Served, body: bytes, times: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for _ in range(times):
        connection.request("POST", "/predict", body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def stored(lake: Path) -> int:
    """Rows in the store, by the names of its files: a scrape would cost the server what is to be measured."""
    return sum(int(file.stem.rpartition("-")[2]) for file in lake.rglob("*.parquet"))


def settle(lake: Path, rows: int) -> None:
    """Waits until the log has stored so many rows."""
    deadline = time.monotonic() + 120
    while stored(lake) < rows:
        assert time.monotonic() < deadline, f"the log has stored {stored(lake)} of {rows} rows"
        time.sleep(0.2)


@pytest.mark.timeout(600)
def test_measuring_and_logging_cost_at_most_a_tenth(case: Case, servers: tuple[Served, Served], tmp_path: Path) -> None:
    for server in servers:
        ask(server, case.body, REQUESTS)  # warms up
    settle(tmp_path / "lake", REQUESTS)
    before = [cpu_seconds(server) for server in servers]
    for _ in range(ROUNDS):
        for server in servers:
            ask(server, case.body, REQUESTS)
    settle(tmp_path / "lake", REQUESTS * (ROUNDS + 1))
    spent = [cpu_seconds(server) - start for server, start in zip(servers, before, strict=True)]
    whole, bare = (1000 * seconds / (ROUNDS * REQUESTS) for seconds in spent)
    print(
        f"\nCPU per request: {bare:.3f} ms bare, {whole:.3f} ms measured and logged: "
        f"ratio {whole / bare:.3f}, promised {MOST}"
    )
    assert servers[0].total("slipway_prediction_log_dropped_total") == 0
    assert whole / bare <= MOST
