"""The NetworkPolicy of served pods on the real cluster. Its network plugin enforces none: what is proven is what the
policy says, that it is there, and that nothing that serves is disturbed by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.kube import Cluster, Object
from tests.rows.service import Service, canary

DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
STORE = {"to": [{"podSelector": {"matchLabels": {"app": "store"}}}], "ports": [{"port": 6379, "protocol": "TCP"}]}


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("egress")
    made.create(models["first"], [canary(50, seconds=3600)])
    return made


def policy(service: Service, cluster: Cluster) -> Object | None:
    return cluster.get("NetworkPolicy", f"{service.name}-serving", service.namespace)


def selected(pod: Object, found: Object) -> bool:
    """Whether the policy is about the pod."""
    labels, selector = pod["metadata"]["labels"], found["spec"]["podSelector"]
    exists = {"Exists": True, "DoesNotExist": False}
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items()) and all(
        (one["key"] in labels) is exists[one["operator"]] for one in selector["matchExpressions"]
    )


def test_served_pods_and_no_others_reach_name_servers_alone(service: Service, cluster: Cluster) -> None:
    found = policy(service, cluster)
    assert found is not None
    assert (found["spec"]["policyTypes"], found["spec"]["egress"]) == (["Egress"], [DNS])
    revision = view.variant(service.read(), "stable")["revision"]
    pods = cluster.list("Pod", service.namespace, labels=f"slipway.dev/rollout={service.name}")
    served = {pod["metadata"]["name"] for pod in service.pods(revision)}
    assert served
    assert {pod["metadata"]["name"] for pod in pods if selected(pod, found)} == served


def test_a_declared_destination_is_added_and_restarts_nothing(service: Service, cluster: Cluster) -> None:
    revision = view.variant(service.read(), "stable")["revision"]
    before = {pod["metadata"]["uid"] for pod in service.pods(revision)}
    service.patch({"spec": {"predictor": {"egress": [STORE]}}})
    kube.wait(
        lambda: policy(service, cluster), lambda found: found["spec"]["egress"] == [DNS, STORE], 60, "the new rule"
    )
    assert view.variant(service.read(), "stable")["revision"] == revision
    assert {pod["metadata"]["uid"] for pod in service.pods(revision)} == before


def test_it_goes_with_its_rollout(service: Service, cluster: Cluster) -> None:
    service.delete()
    kube.wait(lambda: {"left": policy(service, cluster)}, lambda found: found["left"] is None, 60, "no policy is left")
