"""A cluster as kind makes it, on a real API server and asked by a real kubectl: what is found, what is told."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.cluster.bare import ControlPlane
from tests.demo.shell import PYTHONPATH, ROOT
from tests.loopback import answering
from tests.unit.cluster import given

Object = dict[str, Any]


def definition(group: str, version: str, plural: str, kind: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # Groups of Kubernetes' own are guarded against whoever made a kind up.
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }


def config_map(namespace: str, name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}


def service(namespace: str, name: str, port: int) -> Object:
    spec = {"ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


DEFINITIONS = [
    definition("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService"),
    definition("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"),
    definition("gateway.networking.k8s.io", "v1", "gateways", "Gateway"),
]
OBJECTS = [
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "kind-control-plane"}},
    config_map("kserve", "inferenceservice-config", {"deploy": '{\n  "defaultDeploymentMode": "Standard"\n}'}),
    config_map("kube-public", "local-registry-hosting", {"localRegistryHosting.v1": given.KIND_NOTE}),
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        **given.gateway("All", address="127.0.0.1", port=1),
    },
    service("mon", "prometheus-server", 80),
    service("ml", "mlflow", 5000),
]


class Kind(ControlPlane):
    """An API server with what a user of kind has installed, but for the pods."""

    def fill(self) -> None:
        namespaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in ("kserve", "g", "mon", "ml")
        ]
        self.kubectl.apply(yaml.safe_dump_all([*DEFINITIONS, *namespaces]))
        self.kubectl.await_kinds(*(one["metadata"]["name"] for one in DEFINITIONS))
        self.kubectl.apply(yaml.safe_dump_all(OBJECTS))
        architecture = json.dumps({"status": {"nodeInfo": {"architecture": "amd64"}}})
        self.kubectl.run(
            "patch", "node", "kind-control-plane", "--subresource=status", "--type=merge", "-p", architecture
        )


@pytest.fixture(scope="module")
def kind() -> Iterator[Kind]:
    with Kind() as running:
        running.fill()
        yield running


class Forwarded(http.server.BaseHTTPRequestHandler):
    """What `kubectl port-forward` and a published port show on this machine: Prometheus, MLflow, a registry."""

    def do_GET(self) -> None:
        answers = {"/-/healthy": "", "/health": "OK", "/v2/": "{}"}
        answers["/api/v1/status/config"] = given.config(given.SCRAPING).body
        self.send_response(200 if self.path in answers else 404)
        self.end_headers()
        self.wfile.write(answers.get(self.path, "").encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def forwarded() -> Iterator[str]:
    with answering(Forwarded) as address:
        yield address


def status(kind: Kind, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests.cluster status` as a user types it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_") or "CACHE" in name}
    environment = {**clean, "PYTHONPATH": PYTHONPATH, "KUBECONFIG": str(kind.kubeconfig), **variables}
    command = [sys.executable, "-m", "tests.cluster", "status"]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


def test_what_this_machine_does_not_reach_is_told_at_once_with_its_variable(kind: Kind) -> None:
    done = status(kind)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    assert len(lines) == 5
    for line, variable in zip(
        lines,
        ("GATEWAY_ADDRESS", "PROMETHEUS_HOST_URL", "MLFLOW_HOST_URL", "REGISTRY_HOST=localhost:5001", "BASE_IMAGE"),
        strict=True,
    ):
        assert f"SLIPWAY_{variable}" in line
    assert "remedy: " in done.stderr


def test_named_for_this_machine_all_of_it_is_used(kind: Kind, forwarded: str) -> None:
    done = status(
        kind,
        SLIPWAY_GATEWAY_ADDRESS=forwarded,
        SLIPWAY_PROMETHEUS_HOST_URL=f"http://{forwarded}",
        SLIPWAY_MLFLOW_HOST_URL=f"http://{forwarded}",
        SLIPWAY_REGISTRY="kind-registry:5000",
        SLIPWAY_REGISTRY_HOST=forwarded,
        SLIPWAY_BASE_IMAGE="mirror.example.com/library/python:3.11-slim",
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert found["kubeconfig"] == str(kind.kubeconfig)
    assert (found["registry"], found["registry_host"]) == ("kind-registry:5000", forwarded)
    assert (found["prometheus"], found["mlflow"]) == (
        "http://prometheus-server.mon.svc:80",
        "http://mlflow.ml.svc:5000",
    )
    assert (found["prometheus_host_url"], found["mlflow_host_url"]) == (f"http://{forwarded}",) * 2
    assert found["gateway"] == str({"namespace": "g", "name": "public", "address": forwarded})
    assert found["base_image"] == "mirror.example.com/library/python:3.11-slim"


def test_an_empty_cluster_is_told_all_that_it_lacks(kind: Kind) -> None:
    kind.kubectl.run("delete", "crd", "--all", "--wait=false")
    kind.kubectl.run("wait", "--for=delete", "crd", "--all", "--timeout=60s")
    lines = [line for line in status(kind).stderr.splitlines() if line.startswith("  - ")]
    assert any("KServe" in line for line in lines)
    assert any("the Gateway API" in line for line in lines)
