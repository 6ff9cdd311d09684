"""What runs and what does not, without changing anything."""

from __future__ import annotations

from tests.cluster.addresses import LISTENERS, NODE_NAME
from tests.cluster.api import Api
from tests.cluster.errors import ClusterError
from tests.cluster.node import kubelet_healthy
from tests.cluster.places import Places
from tests.cluster.processes import Processes

_PROGRAMS = ("containerd", *dict.fromkeys(program for program, _, _ in LISTENERS))


def status(places: Places) -> tuple[list[str], bool]:
    """Lines for a person, and whether all is well. Raises ClusterError where there is no cluster."""
    if not places.state.exists():
        raise ClusterError("there is no cluster on this machine", "bring it up: python -m tests.cluster up")
    processes = Processes(places.records, places.logs)
    lines, well = [], True
    for program in _PROGRAMS:
        known = processes.known(program)
        alive = known is not None and known.alive
        well &= alive
        lines.append(
            f"{'runs' if alive else 'DEAD'}  {program}" + (f" (process {known.pid})" if known and alive else "")
        )
    for line, good in _contents(places):
        well &= good
        lines.append(line)
    return lines, well


def _contents(places: Places) -> list[tuple[str, bool]]:
    """The node and every Deployment, as the API server tells it."""
    api = Api(places.kubeconfig)
    try:
        node = api.get(f"/api/v1/nodes/{NODE_NAME}") or {}
        deployments = (api.get("/apis/apps/v1/deployments") or {}).get("items", [])
    except (OSError, ValueError):
        return [("the API server does not answer", False)]
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready") == "True" and kubelet_healthy()
    lines = [(f"{'ready' if ready else 'NOT READY'}  node {NODE_NAME}", ready)]
    for deployment in deployments:
        metadata, wanted = deployment["metadata"], deployment["spec"].get("replicas", 1)
        available = deployment.get("status", {}).get("availableReplicas", 0)
        lines.append((f"{available}/{wanted}  {metadata['namespace']}/{metadata['name']}", available >= wanted))
    return lines
