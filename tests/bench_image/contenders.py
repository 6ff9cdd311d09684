"""How each server is started with a case's model, and how it is asked: by its own protocol, with the same rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench_image.cases import HEADERS, Case
from tests.bench_image.load import Client, Request
from tests.bench_image.processes import cpu_seconds, family_of, resident_bytes
from tests.loopback import free_port
from tests.unit.serving.servers import SOURCES

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".venv-bench/bin"
RIVALS = Path(__file__).parent / "rivals"
OURS, FASTAPI, MLSERVER, MLFLOW = "Slipway", "FastAPI", "MLServer", "mlflow models serve"


@dataclass(frozen=True)
class Contender:
    """One server: its command, what its environment has besides, and the requests that are compared, by name."""

    command: list[str]
    requests: dict[str, Request]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A server that answers."""

    port: int
    leader: int
    requests: dict[str, Request]

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all its processes so far."""
        return cpu_seconds(family_of(self.leader))

    @property
    def memory(self) -> int:
        """Its resident bytes."""
        return resident_bytes(family_of(self.leader))


def ours(case: Case, home: Path, port: int) -> Contender:
    """Measured and logged, as a pod of a ModelRollout with a prediction log."""
    described = {"uri": f"file://{home}/lake", "spool": f"{home}/spool", "rotateSeconds": 30}
    environment = {"SLIPWAY_PREDICTION_LOG": json.dumps(described)}
    return _slipway(case, port, OURS, "slipway_serving.service", environment)


def bare(case: Case, home: Path, port: int) -> Contender:
    """Neither measured nor logged."""
    name = "Slipway, neither measured nor logged"
    return _slipway(case, port, name, "tests.bench_image.bare", {"PYTHONPATH": f"{SOURCES}:{ROOT}"})


def _slipway(case: Case, port: int, name: str, module: str, more: dict[str, str]) -> Contender:
    environment = {
        "PYTHONPATH": SOURCES, "SLIPWAY_MODEL": str(case.directory), "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_PORT": str(port), "SLIPWAY_ROLLOUT": "shop/fraud", "SLIPWAY_REVISION": "r1", **more,
    }  # fmt: skip
    request = Request("/v1/models/model:predict", case.v1, HEADERS)
    return Contender([sys.executable, "-m", module], {name: request}, environment)


def fastapi(case: Case, home: Path, port: int) -> Contender:
    """A path function, which runs in a thread, and a coroutine, which keeps the event loop while it predicts."""
    command = [str(BENCH / "python"), "-m", "uvicorn", "--app-dir", str(RIVALS), f"fastapi_{case.kind}:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    requests = {
        FASTAPI: Request("/predict", case.v1),
        "FastAPI, predicting in the event loop": Request("/predict-in-the-loop", case.v1),
    }
    return Contender(command, requests, {"BENCH_MODEL": str(case.pickled)})


def bentoml(case: Case, home: Path, port: int) -> Contender:
    """`bentoml serve`: a supervisor, and one worker."""
    command = [str(BENCH / "python"), "-m", "bentoml", "serve", f"bentoml_{case.kind}:Model", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--working-dir", str(RIVALS)]
    environment = {"BENCH_MODEL": str(case.pickled), "BENTOML_HOME": f"{home}/bentoml", "BENTOML_DO_NOT_TRACK": "True"}
    return Contender(command, {"BentoML": Request("/predict", case.v1)}, environment)


def mlserver(case: Case, home: Path, port: int) -> Contender:
    """MLServer without its pool of processes, which it needs for several models: that would cost it more."""
    folder = home / "mlserver"
    folder.mkdir()
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({**settings, "debug": False, "parallel_workers": 0}))
    described = {"name": "model", "implementation": "mlserver_sklearn.SKLearnModel"}
    model = {**described, "parameters": {"uri": str(case.pickled)}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    request = Request("/v2/models/model/infer", json.dumps(_v2(case)).encode())
    return Contender([str(BENCH / "mlserver"), "start", str(folder)], {MLSERVER: request})


def _v2(case: Case) -> dict[str, Any]:
    size = len(case.rows)
    if case.kind == "matrix":
        flat = [value for row in case.rows for value in row]
        shape = [size, len(case.rows[0])]
        return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": flat}]}
    amounts, countries = ([row[name] for row in case.rows] for name in ("amount", "country"))
    amount = {"name": "amount", "shape": [size], "datatype": "FP64", "data": amounts}
    text = {"content_type": "str"}
    country = {"name": "country", "shape": [size], "datatype": "BYTES", "data": countries, "parameters": text}
    return {"parameters": {"content_type": "pd"}, "inputs": [amount, country]}


def mlflow(case: Case, home: Path, port: int) -> Contender:
    """MLflow's own server, with one worker."""
    command = [str(BENCH / "mlflow"), "models", "serve", "--model-uri", str(case.directory), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    member = "inputs" if case.kind == "matrix" else "dataframe_records"
    request = Request("/invocations", json.dumps({member: case.rows}).encode())
    path = f"{BENCH}:{os.environ['PATH']}"
    return Contender(command, {MLFLOW: request}, {"PATH": path, "MLFLOW_TRACKING_URI": f"file://{home}/mlruns"})


ALL: tuple[Callable[[Case, Path, int], Contender], ...] = (ours, bare, fastapi, bentoml, mlserver, mlflow)


@contextmanager
def running(case: Case, home: Path) -> Iterator[list[Running]]:
    """All servers, from when they answer until the end."""
    if not BENCH.exists():
        raise AssertionError("the rivals have no environment: requirements/environment.sh bench .venv-bench")
    with ExitStack() as stack:
        started = []
        for make in ALL:
            place = home / make.__name__
            place.mkdir(parents=True)
            port = free_port()
            started.append(stack.enter_context(_started(make(case, place, port), place, port)))
        for one, log, process in started:
            _wait(one, log, process)
        yield [one for one, _, _ in started]


@contextmanager
def _started(made: Contender, home: Path, port: int) -> Iterator[tuple[Running, Path, subprocess.Popen[bytes]]]:
    log = home / "log"
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as in our images
    environment = {**os.environ, "PYTHONPATH": "", "HOME": str(home), **threads, **made.environment}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            made.command, cwd=home, env=environment, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield Running(port, process.pid, made.requests), log, process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server with its workers, which some leave behind."""
    workers = family_of(process.pid)[1:]
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
    for left in workers:
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)


def _wait(server: Running, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    said: BaseException | None = None
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client = Client(server.port)
            for request in server.requests.values():
                client.ask(request.message)
            client.close()
            return
        except (OSError, AssertionError) as error:
            said = error
            time.sleep(0.3)
    raise AssertionError(f"{next(iter(server.requests))} does not answer: {said}\n{log.read_text()[-3000:]}")
