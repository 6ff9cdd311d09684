"""Models that cannot be served: what serves goes on serving, a condition says why, a good version mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import Object, condition
from tests.demo.verify import weights
from tests.rows.service import SERVED, Service, canary


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("bad-model")
    made.create(models["first"], [canary(50, seconds=3600)], progressDeadline="60s")
    return made


def test_an_unknown_version_is_named_and_disturbs_nobody(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=10) as client:
        service.pin("999")
        told = service.wait(
            lambda found: condition(found, "ModelResolved").get("status") == "False", 180, "the condition ModelResolved"
        )
        service.pin(models["first"])
        service.wait(
            lambda found: condition(found, "ModelResolved").get("status") == "True",
            60,
            "a known version resolves again",
        )
    said = condition(told, "ModelResolved")
    assert said["reason"] == "ModelVersionNotFound"
    assert "999" in said["message"]
    assert "phishing-tests" in said["message"]
    assert condition(told, "Ready")["status"] == "True", "stable serves on"
    assert condition(told, "Stalled")["status"] == "True"
    assert condition(service.read(), "Stalled")["status"] == "False"
    assert set(client.read().answered) == {stable}
    assert client.read().failed == 0


def test_an_image_that_dies_at_start_is_caught_by_its_proof_and_never_gets_a_service(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]
    deadly = [{"name": "PYTHONHOME", "value": "/nowhere"}]  # no Python process outlives its first millisecond
    with service.client(rows, rate=10) as client:
        service.patch({"spec": {"model": {"mlflow": {"version": models["better"]}}, "predictor": {"env": deadly}}})
        entry = service.ended(models["better"])
        assert weights(service.route()) == {stable: 1.0}
        service.patch({"spec": {"model": {"mlflow": {"version": models["first"]}}, "predictor": {"env": []}}})
        service.wait(lambda found: service.serves(found, models["first"]), 180, "the first version is Ready")
    owned = service.cluster.list("InferenceService", service.namespace, labels=f"slipway.dev/rollout={service.name}")
    assert [live["metadata"]["labels"]["slipway.dev/revision"] for live in owned] == [stable]
    assert (entry["outcome"], entry["stage"], entry["reason"]) == ("Failed", "prove", "ProcessDied")
    assert "exit code 1" in entry["message"]
    assert "No module named 'encodings'" in entry["message"], "the last lines of the process"
    assert set(client.read().answered) == {stable}
    assert client.read().failed == 0, client.read().failures


def test_pods_that_no_node_takes_are_told_and_disturb_nobody(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]

    def told(found: Object) -> bool:
        said = [each.get("message", "") for each in found["status"].get("conditions", ())]
        return any("node affinity/selector" in each for each in said)

    with service.client(rows, rate=10) as client:
        nowhere = {"nodeSelector": {"pool": "nowhere"}}
        service.patch({"spec": {"model": {"mlflow": {"version": models["better"]}}, "predictor": nowhere}})
        service.wait(told, SERVED, "a condition says that no node takes the pod")
        back = {"nodeSelector": None}
        service.patch({"spec": {"model": {"mlflow": {"version": models["first"]}}, "predictor": back}})
        service.wait(lambda found: service.serves(found, models["first"]), 180, "the first version is Ready")
    assert set(client.read().answered) == {stable}
    assert client.read().failed == 0, client.read().failures
