"""Pods of the revision that serves change under load, for no rollout of ours: no client notices."""

from __future__ import annotations

import time
from collections.abc import Callable, Set

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.rows.service import SMALL, Service, canary

pytestmark = pytest.mark.alone

REPLICAS = 2


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("rolled")
    made.create(models["first"], [canary(50, seconds=3600)], predictor={"minReplicas": REPLICAS, "resources": SMALL})
    whole(made, REPLICAS)
    return made


def pods(service: Service) -> list[Object]:
    return service.pods(view.variant(service.read(), "stable")["revision"])


def uids(service: Service) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods(service)}


def whole(service: Service, replicas: int, without: Set[str] = frozenset()) -> set[str]:
    """Waits until so many pods are ready, none of them among `without`, and no other is left; returns their uids."""

    def ready(pod: Object) -> bool:
        return any(
            one["type"] == "Ready" and one["status"] == "True" for one in pod.get("status", {}).get("conditions", ())
        )

    def settled(found: Object) -> bool:
        known = {pod["metadata"]["uid"] for pod in found["pods"]}
        return len(known) == replicas and not known & without and all(map(ready, found["pods"]))

    kube.wait(lambda: {"pods": pods(service)}, settled, 180, f"{replicas} new pods are ready")
    return uids(service)


def unnoticed(service: Service, rows: tuple[Row, ...], change: Callable[[], None]) -> None:
    """Changes something while clients ask, and until what left is gone; each of them gets its answer."""
    revision = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=40) as client:
        time.sleep(2)
        change()
        time.sleep(15)  # pods that leave take requests for ten seconds more
    tally = client.read()
    assert tally.failed == 0, tally.failures
    assert set(tally.answered) == {revision}
    assert tally.answered[revision] > 300


def test_all_pods_roll(service: Service, rows: tuple[Row, ...]) -> None:
    before = uids(service)
    name = view.variant(service.read(), "stable")["inferenceService"]

    def roll() -> None:
        body = {"metadata": {"annotations": {"tests.slipway.dev/rolled": "once"}}}
        service.cluster.patch("InferenceService", name, service.namespace, body)
        assert not whole(service, REPLICAS, without=before) & before

    unnoticed(service, rows, roll)


def test_a_pod_is_deleted(service: Service, rows: tuple[Row, ...]) -> None:
    gone = sorted(uids(service))[0]

    def delete() -> None:
        (name,) = (pod["metadata"]["name"] for pod in pods(service) if pod["metadata"]["uid"] == gone)
        service.cluster.delete("Pod", name, service.namespace)
        whole(service, REPLICAS, without={gone})

    unnoticed(service, rows, delete)


def test_replicas_come_and_go(service: Service, rows: tuple[Row, ...]) -> None:
    def scale() -> None:
        for replicas in (3, 1):
            service.patch({"spec": {"predictor": {"minReplicas": replicas}}})
            whole(service, replicas)

    unnoticed(service, rows, scale)
