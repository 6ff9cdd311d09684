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
