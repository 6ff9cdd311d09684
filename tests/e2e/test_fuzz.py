"""10,000 requests made from a served model's signature, through the gateway: valid ones, and wrong ones of each kind.

None gets a 5xx, no pod restarts, each fault is told by its field, and every valid one gets the model's own answer.
The seed is printed; SLIPWAY_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.demo import view
from tests.demo.traffic import Target, bucket
from tests.rows.service import Service, canary
from tests.unit.serving.fuzz_model import Offline, save_all_types
from tests.unit.serving.fuzz_request import Request, complaint, predictions
from tests.unit.serving.request_fuzz import OF_A_POD, SHARES, RequestFuzz

REQUESTS = 10_000
CLIENTS = 8
SEED = int(os.environ.get("SLIPWAY_FUZZ_SEED") or random.SystemRandom().randrange(10**6))
NAME = "fuzzed"
PATIENCE = 60  # seconds: a pod without a core for a while gives late answers, not wrong ones


@dataclass(frozen=True)
class Answered:
    """A request and its answer: status 0 where the connection failed."""

    kind: str
    request: Request
    status: int
    document: Any


@pytest.fixture(scope="module")
def registered(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Offline]:
    """A version in MLflow, and the same as MLflow gives it back."""
    import mlflow.artifacts
    from mlflow import MlflowClient

    tracking = Environment.load(Places.of_environment().environment).mlflow_host_url
    home = tmp_path_factory.mktemp("fuzz")
    client, name = MlflowClient(tracking), f"fuzz-{uuid.uuid4().hex[:6]}"
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(save_all_types(home / "made")), "model")
    client.create_registered_model(name)
    made = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    held = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="model", dst_path=str(home / "held"), tracking_uri=tracking
    )
    return {"name": name, "version": str(made.version)}, Offline(Path(held))


def ask_all(target: Target, requests: Sequence[tuple[str, Request]]) -> list[Answered]:
    """Sends all, so many at a time, each once."""
    left, answers, lock = iter(requests), list[Answered](), threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection(target.address, target.port, timeout=PATIENCE + 10)
        while True:
            with lock:
                drawn = next(left, None)
            if drawn is None:
                return connection.close()
            kind, request = drawn
            status, document = ask(connection, target, request)
            with lock:
                answers.append(Answered(kind, request, status, document))

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask(connection: http.client.HTTPConnection, target: Target, request: Request) -> tuple[int, Any]:
    """Status and answer: as JSON, or as it is where it is none."""
    headers = {
        "Host": target.host, "content-type": "application/json", target.header: bucket("visitor-1"),
        "x-request-id": str(uuid.uuid4()),
    }  # fmt: skip
    try:
        connection.request("POST", request.path, request.body, headers)
        answer = connection.getresponse()
        status, content = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return 0, repr(error)
    try:
        return status, json.loads(content)
    except ValueError:
        return status, content[:200]


def restarts(service: Service, revision: str) -> dict[str, int]:
    """Restarts of each running pod, by name."""
    return {
        pod["metadata"]["name"]: sum(one["restartCount"] for one in pod["status"]["containerStatuses"])
        for pod in service.pods(revision)
    }


def problems(answers: Sequence[Answered]) -> Iterator[str]:
    for one in answers:
        said = complaint(one.request, one.status, one.document)
        if said:
            yield f"{one.kind} {one.request.path[:80]} {one.request.body[:200]!r}: {said}"


def counted(service: Service) -> dict[str, int]:
    """Requests by class of status, as Prometheus has them."""
    codes = ("2xx", "4xx", "5xx")
    return {code: int(service.counted("slipway_requests_total", f'traffic="live",code="{code}"')) for code in codes}


@pytest.mark.timeout(1500)
def test_no_request_harms_a_served_model(
    registered: tuple[dict[str, str], Offline], serve: Callable[[str], Service]
) -> None:
    model, offline = registered
    service = serve(NAME)
    stages = [canary(50, seconds=3600)]
    traffic = service.manifest(model["version"], stages)["spec"]["traffic"]
    traffic["gatewayAPI"]["timeouts"] = {"request": f"{PATIENCE}s"}
    found = service.create(
        model["version"], stages, model={"type": "MLflow", "mlflow": model}, traffic=traffic,
        certification={"waiver": "a test of the server: nobody evaluated this model"},
    )  # fmt: skip
    revision = str(view.variant(found, "stable")["revision"])
    requests = list(RequestFuzz(offline.signature, offline.nullable, SEED, service.name, OF_A_POD).requests(REQUESTS))
    made = Counter(kind for kind, _ in requests)
    assert set(made) == set(SHARES)
    assert min(made.values()) >= 1_000
    before, started = restarts(service, revision), time.monotonic()

    answers = ask_all(service.target, requests)

    print(f"seed {SEED}: {len(answers)} requests in {time.monotonic() - started:.0f} s, {dict(made)}")
    wrong = list(problems(answers))
    assert not wrong, f"seed {SEED}: {len(wrong)} of {REQUESTS}:\n" + "\n".join(wrong[:10])
    valid = [one for one in answers if one.request.fields is None]
    said = [row for one in valid for row in one.request.said]
    given = [prediction for one in valid for prediction in predictions(one.document)]
    assert given == pytest.approx(offline.predict(said), rel=1e-9), f"seed {SEED}"
    assert list(before.values()) == [0]
    assert restarts(service, revision) == before
    expected = {"2xx": made["valid"], "4xx": REQUESTS - made["valid"], "5xx": 0}
    deadline = time.monotonic() + 90
    while counted(service) != expected and time.monotonic() < deadline:
        time.sleep(2)
    assert counted(service) == expected, f"seed {SEED}"
