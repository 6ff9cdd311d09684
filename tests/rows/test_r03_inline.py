"""Row 3: before any traffic an Inline model shows that it is as fast as its task declares; status has the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.verify import weights
from tests.rows.fixtures import EXAMPLES
from tests.rows.service import Service, canary

TASK = "r03"
IMPOSSIBLE = {"p99": "1ms", "concurrency": 4}  # no Python process answers in so little time
EASY = {"p99": "5s", "concurrency": 4}


@pytest.fixture(scope="module")
def task(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A task of its own: its latency is changed while its rollout lives."""
    (manifest,) = kube.manifests(EXAMPLES / "task.yaml", {})
    manifest["metadata"] = {"name": TASK, "namespace": namespace}
    manifest["spec"]["serving"] = {"mode": "Inline", "latency": IMPOSSIBLE}
    cluster.apply(manifest)
    yield TASK
    cluster.delete("ModelTask", TASK, namespace)


@pytest.fixture(scope="module")
def service(task: str, serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r03")
    made.create(models["first"], [canary(50, seconds=3600)], taskRef={"name": task})
    return made


def figures(benchmark: Object) -> None:
    """What a person asks first: how fast, how many, at which concurrency."""
    assert all(benchmark[name] for name in ("p50", "p95", "p99", "throughput")), benchmark
    assert (benchmark["concurrency"], benchmark.get("failed", 0)) == (4, 0)
    assert benchmark["requests"] > 0


def test_r03_a_model_too_slow_for_its_task_gets_no_traffic_and_a_fast_one_does(
    service: Service, cluster: Cluster, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    first = service.read()
    stable = view.variant(first, "stable")["revision"]
    figures(view.variant(first, "stable")["benchmark"])
    assert condition(first, "ModelProven")["status"] == "False", "served directly as the first, and told to be slow"
    with service.client(rows, rate=10) as client:
        service.pin(models["better"])
        entry = service.ended(models["better"])
        refused = service.read()
        assert weights(service.route()) == {stable: 1.0}
        owned = cluster.list("InferenceService", service.namespace, labels=f"slipway.dev/rollout={service.name}")
        assert len(owned) == 1, "the slow one never had a service"
        assert set(client.read().answered) == {stable}
    assert client.read().failed == 0, client.read().failures
    assert (entry["outcome"], entry["stage"], entry["reason"]) == ("Failed", "prove", "TooSlow")
    assert "limit 1ms" in entry["message"]
    figures(entry["benchmark"])
    said = condition(refused, "ModelProven")
    assert (said["status"], said["reason"]) == ("False", "TooSlow")

    cluster.patch("ModelTask", TASK, service.namespace, {"spec": {"serving": {"latency": EASY}}})
    served = service.in_stage("canary-50", models["better"])
    benchmark = view.variant(served, "candidate")["benchmark"]
    figures(benchmark)
    assert benchmark["verdict"] == "Pass"
    assert benchmark["p99High"] != "unbounded"
    assert condition(served, "ModelProven")["status"] == "True"


def test_r03_the_proof_ran_without_a_credential_and_under_restricted(service: Service, cluster: Cluster) -> None:
    pods = cluster.list("Pod", service.namespace, labels=f"slipway.dev/rollout={service.name},slipway.dev/proof=true")
    assert pods, "the pods of proofs are kept for an hour"
    for pod in pods:
        spec = pod["spec"]
        containers = [*spec["initContainers"], *spec["containers"]]
        assert spec["automountServiceAccountToken"] is False
        assert all(not {"secret", "projected"} & volume.keys() for volume in spec["volumes"])
        variables = [variable for container in containers for variable in container.get("env", [])]
        assert all("secretKeyRef" not in variable.get("valueFrom", {}) for variable in variables)
        assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in containers)
        assert all(container["securityContext"]["capabilities"]["drop"] == ["ALL"] for container in containers)
