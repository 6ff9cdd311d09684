"""When nothing changes the operator writes nothing: two minutes with live traffic, 0 writes but the Lease."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.demo.data import Row
from tests.demo.kube import Cluster
from tests.demo.settings import Environment
from tests.e2e.operator_pod import metrics
from tests.rows.service import Service, canary

pytestmark = pytest.mark.alone

SECONDS = 120
OPERATOR = "system:serviceaccount:slipway-system:"
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


def audited(log: Path, since: datetime, until: datetime) -> list[str]:
    """The operator's writes in the API server's own words, its Lease left out."""
    found = []
    kept = sorted(log.parent.glob(f"{log.stem}-*{log.suffix}"))  # what was the log until it was full
    for line in (line for file in (*kept, log) for line in file.read_text().splitlines()):
        event = json.loads(line)
        target = event.get("objectRef", {})
        at = datetime.fromisoformat(event["requestReceivedTimestamp"])
        if since <= at <= until and event["user"]["username"].startswith(OPERATOR) and target["resource"] != "leases":
            found.append(f"{event['verb']} {target['resource']} {target.get('name', '')}")
    return found


def renewed(cluster: Cluster) -> datetime:
    lease = cluster.get("Lease", "slipway-operator", "slipway-system") or {}
    return datetime.fromisoformat(lease["spec"]["renewTime"])


def quiet(cluster: Cluster, seconds: float = 20, within: float = 300) -> None:
    """Waits until what came before, in this test and in others, has been written for the last time."""
    seen, since = writes(cluster), time.monotonic()
    deadline = since + within
    while time.monotonic() < min(deadline, since + seconds):
        time.sleep(2)
        if (now := writes(cluster)) != seen:
            seen, since = now, time.monotonic()


def test_two_minutes_without_a_write(
    service: Service, cluster: Cluster, environment: Environment, rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=10) as client:
        quiet(cluster)
        before, objects, since = writes(cluster), versions(cluster, service.namespace), renewed(cluster)
        time.sleep(SECONDS)
        after, then, until = writes(cluster), versions(cluster, service.namespace), renewed(cluster)
    assert before, "the operator counts its writes"
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)} == {}
    assert then == objects
    assert (until - since).total_seconds() > SECONDS / 2, "the operator was alive all the time"
    if environment.audit_log is not None:
        earlier = datetime.fromtimestamp(0, since.tzinfo)
        assert audited(environment.audit_log, earlier, since), "the log has the operator's writes"
        assert audited(environment.audit_log, since, until) == []
    assert client.read().failed == 0
