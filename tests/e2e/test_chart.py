"""The operator that the chart installed, on a whole cluster: its pod, its rights, its admission through a Service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object, Refused
from tests.demo.settings import OPERATOR_NAMESPACE, Environment
from tests.e2e.operator_pod import pods

NAMESPACE = "slipway-test-chart"
TERMINATED = "because it is being terminated"


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> Iterator[str]:
    """A namespace of these tests."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield NAMESPACE
    if cluster.get("Namespace", NAMESPACE) is not None:
        cluster.delete("Namespace", NAMESPACE)


def rollout(name: str, **traffic: Any) -> Object:
    """Legal for the schema; it names a model that does not exist."""
    canary = {"name": "canary", "type": "Canary", "canary": {"weight": "5%"}, "minDuration": "1h", "minSamples": 10}
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "taskRef": {"name": name},
            "model": {"type": "MLflow", "mlflow": {"name": name, "version": "1"}},
            "traffic": {"type": "GatewayAPI", "gatewayAPI": {"parentRefs": [{"name": "public"}]}, **traffic},
            "stages": [canary],
        },
    }


def test_the_pod_runs_as_the_chart_says(cluster: Cluster, environment: Environment) -> None:
    (pod,) = pods(cluster)
    (container,) = pod["spec"]["containers"]
    assert container["image"].split("@")[-1] == environment.images["operator"].split("@")[-1]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["status"]["containerStatuses"][0]["ready"] is True


def test_a_wrong_manifest_is_refused_by_name(cluster: Cluster, own: str) -> None:
    wrong = rollout("wrong", assignment={"header": "Host"})

    def said() -> Object:
        try:
            cluster.apply(wrong)
        except Refused as refused:
            return {"message": str(refused)}
        cluster.delete("ModelRollout", "wrong", own)  # before kubelet has handed a renewed certificate to the pod
        return {"message": ""}

    found = kube.wait(said, lambda answer: bool(answer["message"]), 120, "the webhook answers", every=2)
    assert "spec.traffic.assignment.header: 'Host' has a meaning of its own" in found["message"]


def test_nothing_that_the_operator_does_is_forbidden(cluster: Cluster, own: str) -> None:
    """A rollout, whatever becomes of it, is watched, gets its finalizer and a status, and goes again."""
    cluster.apply(rollout("rights"))

    def read() -> Object:
        return cluster.get("ModelRollout", "rights", own) or {}

    kube.wait(read, lambda found: bool(found.get("status", {}).get("conditions")), 180, "a status")
    cluster.delete("ModelRollout", "rights", own)
    kube.wait(lambda: {"left": read()}, lambda found: not found["left"], 180, "the rollout goes")
    (pod,) = pods(cluster)
    log = cluster.text(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{pod['metadata']['name']}/log")
    # Namespaces that other tests delete take nothing new, which is answered in the same word.
    assert [line for line in log.splitlines() if "forbidden" in line.lower() and TERMINATED not in line] == []


def test_a_namespace_full_of_kinds_goes(cluster: Cluster, own: str) -> None:
    cluster.apply(rollout("leaving"))
    time.sleep(2)
    cluster.delete("Namespace", own)
    kube.wait(
        lambda: {"left": cluster.get("Namespace", own)}, lambda found: not found["left"], 90, "the namespace goes"
    )
