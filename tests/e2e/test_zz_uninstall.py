"""`helm uninstall` leaves traffic serving and no namespace stuck. Last of its directory: it takes the operator away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster
from tests.demo.settings import Environment
from tests.demo.shell import ROOT
from tests.e2e.operator_pod import pods
from tests.rows.service import Service, canary

pytestmark = pytest.mark.alone


def test_uninstalled_the_model_serves_on_its_namespace_can_go_and_a_new_install_takes_over(
    serve: Callable[[str], Service],
    cluster: Cluster,
    environment: Environment,
    models: dict[str, str],
    rows: tuple[Row, ...],
) -> None:
    service = serve("uninstalled")
    service.create(models["first"], [canary(50, seconds=3600)])
    stable = view.variant(service.read(), "stable")
    try:
        with service.client(rows) as client:
            helm(environment, "uninstall", "slipway", "--wait", "--timeout", "4m")
            kube.wait(lambda: {"pods": pods(cluster)}, lambda found: not found["pods"], 180, "the operator is gone")
            before = client.read().answered[stable["revision"]]
            kube.wait(
                lambda: {"n": client.read().answered[stable["revision"]]},
                lambda f: f["n"] > before + 100,
                30,
                "answers",
            )
        assert client.read().failed == 0, client.read().failures
        kept = cluster.get("InferenceService", stable["inferenceService"], service.namespace) or {}
        assert "slipway.dev/traffic" not in (kept["metadata"].get("finalizers") or [])
        assert not service.read()["metadata"].get("finalizers"), "its namespace could never be deleted"
    finally:
        subprocess.run([sys.executable, "-m", "tests.demo.installation"], cwd=ROOT, check=True, timeout=600)
    again = service.wait(lambda found: service.serves(found, models["first"]), 240, "the new operator takes over")
    assert view.variant(again, "stable")["revision"] == stable["revision"]


def helm(environment: Environment, *arguments: str) -> None:
    command = [environment.helm, "--kubeconfig", environment.kubeconfig, "--namespace", "slipway-system", *arguments]
    subprocess.run(command, check=True, timeout=400)
