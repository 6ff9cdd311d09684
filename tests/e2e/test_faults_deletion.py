"""A ModelRollout is deleted, under both policies: nothing is left beyond what was asked for."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from tests.demo import kube, traffic, view
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.rows.service import Service, canary

CHILDREN = ("InferenceService", "HTTPRoute", "Job", "Deployment", "Pod")
STAGES = [canary(50, seconds=3600)]


def left(service: Service) -> dict[str, list[str]]:
    """What still carries the rollout's label, by kind."""
    found: dict[str, list[Object]] = {
        kind: service.cluster.list(kind, service.namespace, labels=f"slipway.dev/rollout={service.name}")
        for kind in CHILDREN
    }
    return {kind: [item["metadata"]["name"] for item in items] for kind, items in found.items() if items}


def of_service_alone(found: dict[str, list[str]], service: str) -> bool:
    """Whether one InferenceService is left with what KServe made of it, and no Job."""
    made = [*found.get("Deployment", ()), *found.get("Pod", ())]
    alone = found.get("InferenceService") == [service] and "Job" not in found
    return alone and bool(made) and all(name.startswith(f"{service}-") for name in made)


def test_delete_takes_everything_with_it(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("gone")
    service.create(models["first"], STAGES, deletionPolicy="Delete")
    with service.client(rows, rate=20):
        service.pin(models["better"])
        service.in_stage("canary-50", models["better"])
    service.delete()
    kube.wait(lambda: {"left": left(service)}, lambda found: not found["left"], 90, "no child of the rollout is left")
    assert service.read() == {}


def test_orphan_leaves_stable_serving_and_only_that(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("orphan")
    service.create(models["first"], STAGES, deletionPolicy="Orphan")
    stable = view.variant(service.read(), "stable")
    with service.client(rows, rate=20) as client:
        service.pin(models["better"])
        service.in_stage("canary-50", models["better"])
        service.delete()
        kube.wait(
            lambda: left(service), lambda found: of_service_alone(found, stable["inferenceService"]),
            90, "stable alone is left",
        )  # fmt: skip
        connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=10)
        answers = {traffic.ask(connection, service.target, rows[0], f"visitor-{n}")[0] for n in range(20)}
    assert service.read() == {}
    assert answers == {stable["revision"]}
    assert client.read().failed == 0, client.read().failures
    for kind, name in (("InferenceService", stable["inferenceService"]), ("HTTPRoute", service.name)):
        orphan = service.cluster.get(kind, name, service.namespace) or {}
        assert not orphan["metadata"].get("ownerReferences")
        ours = [item for item in orphan["metadata"].get("finalizers") or [] if item.startswith("slipway.dev/")]
        assert not ours, "an orphan that cannot be deleted is a trap"
        service.cluster.delete(kind, name, service.namespace)
