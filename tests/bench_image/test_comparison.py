"""Our server and others with the same model and the same rows in one run: ratios count, milliseconds are the machine's.

All run at once and are asked in turns, so that whatever else the machine does falls on all. CPU is what a server's
processes take during its turns; ours is charged from its first request until its last row is stored, with all that it
does in between. p99 and throughput are those of a closed loop of eight clients on the same two cores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from slipway_serving.service.predictionlog.spool import rows_in

from tests.bench_image.cases import KINDS, make_case, make_model
from tests.bench_image.contenders import FASTAPI, MLFLOW, MLSERVER, OURS, Running, running
from tests.bench_image.load import Request, ask_many

ROUNDS, ALONE, TOGETHER, CLIENTS = 10, 200, 400, 8
IDLE_SECONDS = 5.0


@dataclass
class Figures:
    """What one server showed. Seconds."""

    cpu: float = 0.0
    requests: int = 0
    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    busy: float = 0.0
    idle: float = 0.0
    memory: int = 0

    @property
    def cost(self) -> float:
        """CPU per request."""
        return self.cpu / self.requests

    @property
    def throughput(self) -> float:
        """Answers per second to all clients together."""
        return len(self.together) / self.busy


def turn(server: Running, request: Request, found: Figures) -> None:
    """One server's turn: one client, then eight."""
    before = server.cpu
    found.alone += ask_many(server.port, request, ALONE)
    start = time.perf_counter()
    found.together += ask_many(server.port, request, TOGETHER, CLIENTS)
    found.busy += time.perf_counter() - start
    found.cpu += server.cpu - before
    found.requests += ALONE + TOGETHER


def stored(home: Path) -> int:
    """Rows in our log's store, by the names of its files."""
    return sum(map(rows_in, home.rglob("lake/**/*.parquet")))


def settle(home: Path, rows: int) -> None:
    """Waits until our log has stored so many rows."""
    deadline = time.monotonic() + 120
    while stored(home) < rows:
        assert time.monotonic() < deadline, f"the log has stored {stored(home)} of {rows} rows"
        time.sleep(0.2)


def measure(servers: list[Running], home: Path, rows: int) -> dict[str, Figures]:
    """All turns of all servers, after they were warmed up."""
    asked = [(name, one, request) for one in servers for name, request in one.requests.items()]
    found = {name: Figures() for name, _, _ in asked}
    for _, one, request in asked:
        ask_many(one.port, request, ALONE, CLIENTS)
    settle(home, (ALONE + 1) * rows)  # with the one that it was waited for with
    for _, one, _ in asked:
        before = one.cpu
        time.sleep(IDLE_SECONDS)
        for name in one.requests:
            found[name].idle = (one.cpu - before) / IDLE_SECONDS
    first = servers[0].cpu
    for _ in range(ROUNDS):
        for name, one, request in asked:
            turn(one, request, found[name])
    settle(home, (ALONE + 1 + ROUNDS * (ALONE + TOGETHER)) * rows)
    found[OURS].cpu = servers[0].cpu - first
    for name, one, _ in asked:
        found[name].memory = one.memory
    return found


def table(found: dict[str, Figures]) -> str:
    """The figures as docs/figures.md has them."""
    base = found[FASTAPI]
    heads = ("", "CPU per request", "over FastAPI", "p50, p99 of one client", "answers/s, 8 clients", "their p99")
    lines = ["| " + " | ".join((*heads, "resident", "CPU while idle")) + " |", "|---" * 8 + "|"]
    for name, one in found.items():
        middle, high = (1000 * float(np.quantile(one.alone, share)) for share in (0.5, 0.99))
        crowded = 1000 * float(np.quantile(one.together, 0.99))
        cells = (
            name, f"{1000 * one.cost:.2f} ms", f"{one.cost / base.cost:.2f}", f"{middle:.2f}, {high:.2f} ms",
            f"{one.throughput:.0f}", f"{crowded:.1f} ms", f"{one.memory >> 20} MiB", f"{100 * one.idle:.1f}%",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, make_model(request.param, tmp_path_factory.mktemp(request.param) / "model")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rows", [1, 10])
def test_our_server_is_ahead_of_mlserver_and_of_mlflow(model: tuple[str, Path], rows: int, tmp_path: Path) -> None:
    kind, directory = model
    with running(make_case(kind, directory, rows), tmp_path) as servers:
        found = measure(servers, tmp_path / "ours", rows)
    print(f"\n{kind}, rows in a request: {rows}\n\n{table(found)}\n")
    for rival in (MLSERVER, MLFLOW):
        assert found[OURS].cost < found[rival].cost, f"more CPU than {rival}"
        assert found[OURS].throughput > found[rival].throughput, f"fewer answers than {rival}"
