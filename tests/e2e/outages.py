"""Takes away what others need, and brings it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.demo import kube
from tests.demo.kube import Cluster
from tests.demo.settings import state_directory
from tests.demo.shell import ROOT


@contextmanager
def scaled_away(cluster: Cluster, namespace: str, name: str) -> Iterator[None]:
    """A Deployment without pods; it comes back with its data."""
    cluster.patch("Deployment", name, namespace, {"spec": {"replicas": 0}})
    try:
        _await_no_pod(cluster, namespace, name)
        yield
    finally:
        cluster.patch("Deployment", name, namespace, {"spec": {"replicas": 1}})
    kube.wait(
        lambda: cluster.get("Deployment", name, namespace),
        lambda found: found.get("status", {}).get("readyReplicas", 0) == 1,
        180, f"{name} is back",
    )  # fmt: skip


def _await_no_pod(cluster: Cluster, namespace: str, name: str) -> None:
    """A Deployment does not count pods that end, and these answer whoever has kept a connection."""
    live = cluster.get("Deployment", name, namespace) or {}
    labels = ",".join(f"{key}={value}" for key, value in live["spec"]["selector"]["matchLabels"].items())
    kube.wait(
        lambda: {"pods": cluster.list("Pod", namespace, labels)}, lambda found: not found["pods"],
        120, f"the pods of {name} are gone",
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
