"""The operator from outside: its pod, its metrics, and its sudden death."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from tests.cluster.places import Places, given_kubeconfig
from tests.demo.kube import Cluster, Object

NAMESPACE = "slipway-system"


def pods(cluster: Cluster) -> list[Object]:
    """The operator's running pods; one that an upgrade has replaced is none of them."""
    found = cluster.list("Pod", NAMESPACE, labels="app.kubernetes.io/name=slipway")
    return [pod for pod in found if pod.get("status", {}).get("phase") == "Running" and not _leaving(pod)]


def metrics(cluster: Cluster) -> dict[str, float]:
    """All samples of the operator's /metrics, through the API server's proxy; several pods are summed."""
    total: dict[str, float] = {}
    for pod in pods(cluster):
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:8081/proxy/metrics"
        for line in cluster.text(path).splitlines():
            found = re.match(r"^([a-z_]+(?:\{.*\})?) ([0-9.e+-]+)$", line)
            if found:
                total[found[1]] = total.get(found[1], 0.0) + float(found[2])
    return total


def kill(cluster: Cluster) -> None:
    """SIGKILL: no goodbye, no last write. Waits until a new process has the lease again.

    On the embedded cluster the process is one of this machine's and gets the signal itself. Then its pod is deleted
    without grace; elsewhere that alone has to do, and kubelet sends SIGTERM two seconds before.
    """
    victims = [(pod["metadata"]["uid"], pod["metadata"]["name"]) for pod in pods(cluster)]
    processes = [pid for uid, _ in victims for pid in _processes(uid)]
    assert processes or not victims or given_kubeconfig(Places.of_environment()), (
        "no process of the operator was found to kill"
    )
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    for _, name in victims:  # else kubelet waits longer before each restart: 10 s, 20 s, … five minutes
        cluster.delete("Pod", name, NAMESPACE, grace=0)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        ready = [pod for pod in pods(cluster) if _ready(pod)]
        if ready and {pod["metadata"]["uid"] for pod in ready}.isdisjoint(uid for uid, _ in victims):
            return
        time.sleep(0.5)
    raise TimeoutError("the operator did not come back within 240 s")


def _leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def _processes(uid: str) -> list[int]:
    """Process ids on this machine of a pod's Python process, found by its cgroup."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            inside = uid in (process / "cgroup").read_text().replace("_", "-")
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if inside and b"slipway" in command:
            found.append(int(process.name))
    return found
