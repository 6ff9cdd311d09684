"""CPU of a request with all measuring and the prediction log, over the same service without them: at most 1.10.

Both servers run at once and are asked in turns, so that whatever else the machine does falls on both. CPU is all that
their processes take from the first request until the last row is stored, from the kernel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench_image.cases import HEADERS, KINDS, Case, make_case, make_model
from tests.bench_image.load import Request, ask_many
from tests.bench_image.processes import cpu_seconds
from tests.bench_image.test_comparison import settle
from tests.unit.serving.servers import SOURCES, Served, serving

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, REQUESTS = 60, 100
MOST = 1.10


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(request.param, make_model(request.param, tmp_path_factory.mktemp(request.param) / "model"))


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


def spent(server: Served) -> float:
    return cpu_seconds([server.process.pid])


@pytest.mark.timeout(600)
def test_measuring_and_logging_cost_at_most_a_tenth(case: Case, servers: tuple[Served, Served], tmp_path: Path) -> None:
    request = Request("/v1/models/fraud:predict", case.v1, HEADERS)
    for server in servers:
        ask_many(server.port, request, REQUESTS)  # warms up
    settle(tmp_path, REQUESTS)
    before = [spent(server) for server in servers]
    for _ in range(ROUNDS):
        for server in servers:
            ask_many(server.port, request, REQUESTS)
    settle(tmp_path, REQUESTS * (ROUNDS + 1))
    used = [spent(server) - start for server, start in zip(servers, before, strict=True)]
    whole, bare = (1000 * seconds / (ROUNDS * REQUESTS) for seconds in used)
    print(
        f"\n{case.kind}: CPU per request {bare:.3f} ms bare, {whole:.3f} ms measured and logged: "
        f"ratio {whole / bare:.3f}, promised {MOST}"
    )
    assert servers[0].total("slipway_prediction_log_dropped_total") == 0
    assert whole / bare <= MOST
