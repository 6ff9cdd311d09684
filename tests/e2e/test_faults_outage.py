"""Registry, MLflow or Prometheus away for a while: nothing is lost, conditions say it, work resumes by itself.

`make test` takes each away for 30 seconds, `make faults` (SLIPWAY_FAULTS=full) for two minutes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.settings import state_directory
from tests.demo.shell import ROOT
from tests.demo.verify import weights
from tests.rows.service import Service, canary

SECONDS = 120 if os.environ.get("SLIPWAY_FAULTS") == "full" else 30


@contextmanager
def scaled_away(cluster: Cluster, namespace: str, name: str) -> Iterator[None]:
    """A Deployment without pods; it comes back with its data."""
    cluster.patch("Deployment", name, namespace, {"spec": {"replicas": 0}})
    try:
        wait_replicas(cluster, namespace, name, 0)
        yield
    finally:
        cluster.patch("Deployment", name, namespace, {"spec": {"replicas": 1}})
    wait_replicas(cluster, namespace, name, 1)


def wait_replicas(cluster: Cluster, namespace: str, name: str, count: int) -> None:
    kube.wait(
        lambda: cluster.get("Deployment", name, namespace),
        lambda found: found.get("status", {}).get("readyReplicas", 0) == count,
        90, f"{count} replicas of {name}",
    )  # fmt: skip


@contextmanager
def registry_away() -> Iterator[None]:
    """Kills the embedded cluster's registry, which is a process of this machine; `make cluster` repairs it."""
    record = json.loads((state_directory() / "run" / "registry.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    try:
        yield
    finally:
        subprocess.run([sys.executable, "-m", "tests.cluster", "up"], cwd=ROOT, check=True, timeout=300)


def still_serves(service: Service, version: str) -> Object:
    """What is away is no reason to touch what serves."""
    found = service.read()
    assert view.variant(found, "stable")["version"] == version
    assert condition(found, "Ready")["status"] == "True"
    return found


def test_mlflow_away_while_a_new_version_is_asked_for(
    serve: Callable[[str], Service], cluster: Cluster, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("no-mlflow")
    service.create(models["first"], [canary(50, seconds=5, exposures=40)])
    with service.client(rows) as client:
        with scaled_away(cluster, "mlflow", "mlflow"):
            service.pin(models["better"])
            told = service.wait(
                lambda f: condition(f, "ModelResolved").get("status") == "Unknown", 60, "the condition ModelResolved"
            )
            time.sleep(SECONDS)
            still_serves(service, models["first"])
        assert service.ended(models["better"])["outcome"] == "Promoted"
    assert condition(told, "ModelResolved")["reason"] == "MLflowUnavailable"
    assert condition(told, "ModelResolved")["message"]
    assert client.read().failed == 0, client.read().failures


def test_prometheus_away_during_a_canary(
    serve: Callable[[str], Service], cluster: Cluster, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("no-prometheus")
    service.create(models["first"], [canary(50, seconds=15, exposures=40)])
    with service.client(rows) as client:
        service.pin(models["better"])
        service.in_stage("canary-50", models["better"])
        with scaled_away(cluster, "monitoring", "prometheus"):
            told = service.wait(
                lambda f: condition(f, "EvidenceAvailable").get("status") == "False", 60, "the condition on evidence"
            )
            before = weights(service.route())
            time.sleep(SECONDS)
            found = still_serves(service, models["first"])
            assert found["status"]["stage"]["name"] == "canary-50", "no data is never a pass"
            assert "runningSince" not in found["status"]["stage"], "its clock stands"
            assert weights(service.route()) == before
        assert service.ended(models["better"])["outcome"] == "Promoted"
    assert condition(told, "EvidenceAvailable")["message"]
    assert client.read().failed == 0, client.read().failures


def test_registry_away_while_an_image_is_to_be_built(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    if not (state_directory() / "run" / "registry.json").exists():
        pytest.skip("the registry of this cluster is not ours to take away")
    service = serve("no-registry")
    service.create(models["first"], [canary(50, seconds=5, exposures=40)])
    with service.client(rows) as client:
        with registry_away():
            service.pin(models["better"])
            told = service.wait(
                lambda f: "retrying" in condition(f, "Progressing").get("message", ""),
                90,
                "the build tells its trouble",
            )
            time.sleep(SECONDS)
            still_serves(service, models["first"])
        assert service.ended(models["better"], seconds=300)["outcome"] == "Promoted"
    assert told["status"]["phase"] == "Building"
    assert client.read().failed == 0, client.read().failures
