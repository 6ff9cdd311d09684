"""When nothing changes the operator writes nothing: two minutes with live traffic, 0 writes but the Lease."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.demo.data import Row
from tests.demo.kube import Cluster
from tests.e2e.operator_pod import metrics
from tests.rows.service import Service, canary

SECONDS = 120
OWN = ("ModelTask", "TrainingRun", "ModelRollout", "RetrainPolicy")


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("steady")
    made.create(models["first"], [canary(50, seconds=3600)])
    return made


def writes(cluster: Cluster) -> dict[str, float]:
    return {name: count for name, count in metrics(cluster).items() if name.startswith("slipway_operator_writes_total")}


def versions(cluster: Cluster, namespace: str) -> dict[tuple[str, str], str]:
    """resourceVersion of everything of ours: any write by anyone would change one."""
    kinds = (*OWN, "HTTPRoute", "InferenceService", "Job")
    return {
        (kind, item["metadata"]["name"]): item["metadata"]["resourceVersion"]
        for kind in kinds
        for item in cluster.list(kind, namespace)
    }


def test_two_minutes_without_a_write(service: Service, cluster: Cluster, rows: tuple[Row, ...]) -> None:
    with service.client(rows, rate=10) as client:
        time.sleep(20)  # the last writes of what came before
        before, objects = writes(cluster), versions(cluster, service.namespace)
        lease = cluster.get("Lease", "slipway-operator", "slipway-system") or {}
        time.sleep(SECONDS)
        after, then = writes(cluster), versions(cluster, service.namespace)
        renewed = cluster.get("Lease", "slipway-operator", "slipway-system") or {}
    assert before, "the operator counts its writes"
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)} == {}
    assert then == objects
    assert renewed["spec"]["renewTime"] != lease["spec"]["renewTime"], "the operator was alive all the time"
    assert client.read().failed == 0
