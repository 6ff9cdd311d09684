"""The NetworkPolicies of pods with a model on the real cluster. Its network plugin enforces none: what is proven is
what they say, that they are there, about whom they are, and that nothing that serves is disturbed by them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.kube import Cluster, Object, condition
from tests.rows.fixtures import EXAMPLES
from tests.rows.service import GROUP, SMALL, Service, canary

DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
STORE = {"to": [{"podSelector": {"matchLabels": {"app": "store"}}}], "ports": [{"port": 6379, "protocol": "TCP"}]}


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("egress")
    made.create(models["first"], [canary(50, seconds=3600)])
    return made


def policy(service: Service, cluster: Cluster, whose: str = "serving") -> Object | None:
    return cluster.get("NetworkPolicy", f"{service.name}-{whose}", service.namespace)


def selected(pod: Object, found: Object) -> bool:
    """Whether the policy is about the pod."""
    labels, selector = pod["metadata"]["labels"], found["spec"]["podSelector"]
    exists = {"Exists": True, "DoesNotExist": False}
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items()) and all(
        (one["key"] in labels) is exists[one["operator"]] for one in selector.get("matchExpressions", ())
    )


def about(found: Object, cluster: Cluster, namespace: str) -> set[str]:
    """Names of the pods of the namespace that the policy is about, without those that leave."""
    pods = [pod for pod in cluster.list("Pod", namespace) if "deletionTimestamp" not in pod["metadata"]]
    return {pod["metadata"]["name"] for pod in pods if selected(pod, found)}


def test_served_pods_and_no_others_reach_name_servers_alone(service: Service, cluster: Cluster) -> None:
    found = policy(service, cluster)
    assert found is not None
    assert (found["spec"]["policyTypes"], found["spec"]["egress"]) == (["Egress"], [DNS])
    revision = view.variant(service.read(), "stable")["revision"]
    served = {pod["metadata"]["name"] for pod in service.pods(revision)}
    assert served
    assert about(found, cluster, service.namespace) == served


def test_pods_that_proved_the_image_and_no_others_reached_nothing(service: Service, cluster: Cluster) -> None:
    found = policy(service, cluster, "proof")
    assert found is not None
    assert sorted(found["spec"]) == ["podSelector", "policyTypes"], "nothing is allowed"
    assert found["spec"]["policyTypes"] == ["Ingress", "Egress"]
    proofs = cluster.list("Pod", service.namespace, f"slipway.dev/rollout={service.name},slipway.dev/proof=true")
    assert proofs
    assert about(found, cluster, service.namespace) == {pod["metadata"]["name"] for pod in proofs}


def test_a_declared_destination_is_added_and_restarts_nothing(service: Service, cluster: Cluster) -> None:
    revision = view.variant(service.read(), "stable")["revision"]
    before = {pod["metadata"]["uid"] for pod in service.pods(revision)}
    service.patch({"spec": {"predictor": {"egress": [STORE]}}})
    kube.wait(
        lambda: policy(service, cluster), lambda found: found["spec"]["egress"] == [DNS, STORE], 180, "the new rule"
    )
    assert view.variant(service.read(), "stable")["revision"] == revision
    assert {pod["metadata"]["uid"] for pod in service.pods(revision)} == before


def test_a_trial_on_a_batch_reaches_its_stores(cluster: Cluster, namespace: str, models: dict[str, str]) -> None:
    """Its claim does not exist, so that the pod of the trial waits to be looked at."""
    name = "egress-batch"
    (task,) = kube.manifests(EXAMPLES / "task.yaml", {})
    task["metadata"] = {"name": name, "namespace": namespace}
    batch = {
        "input": {"uri": "https://files.example.com:8443/rows.parquet"},
        "output": {"uri": "file:///data/scores"},
        "volume": {"persistentVolumeClaim": {"claimName": "nowhere"}},
    }
    task["spec"]["serving"] = {"mode": "Batch", "batch": batch}
    model = {"type": "MLflow", "mlflow": {"name": "phishing-tests", "version": models["first"]}}
    spec = {"taskRef": {"name": name}, "model": model, "predictor": {"resources": SMALL}, "stages": []}
    for manifest in (task, {"apiVersion": GROUP, "kind": "ModelRollout", "metadata": task["metadata"], "spec": spec}):
        cluster.apply(manifest)
    try:
        kube.wait(
            lambda: cluster.get("ModelRollout", name, namespace),
            lambda found: condition(found, "Stalled").get("reason") == "ClaimNotFound", 300, "the trial waits",
        )  # fmt: skip
        found = cluster.get("NetworkPolicy", f"{name}-scoring", namespace) or {}
        assert found["spec"]["egress"] == [DNS, {"ports": [{"port": 8443, "protocol": "TCP"}]}]
        trial = cluster.list("Pod", namespace, f"slipway.dev/rollout={name},slipway.dev/scoring=trial")
        assert trial
        assert about(found, cluster, namespace) == {pod["metadata"]["name"] for pod in trial}
    finally:
        cluster.delete("ModelRollout", name, namespace)
        cluster.delete("ModelTask", name, namespace)


def test_it_goes_with_its_rollout(service: Service, cluster: Cluster) -> None:
    service.delete()
    kube.wait(lambda: {"left": policy(service, cluster)}, lambda found: found["left"] is None, 180, "no policy is left")
