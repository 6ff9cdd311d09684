"""Row 61: a threshold triggers ONE TrainingRun; cooldown and cap are respected; nothing triggers without drift."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo import data, kube
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.rows.fixtures import run_spec
from tests.rows.service import GROUP, Service, canary

WINDOW = 30  # seconds
POLICIES = {"r61-long": ("1h", 4), "r61-short": ("20s", 2)}  # cooldown, cap


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r61")
    made.create(models["first"], [canary(50)])
    return made


@pytest.fixture(scope="module", autouse=True)
def _policies(service: Service, cluster: Cluster, namespace: str) -> Iterator[None]:
    for name, (cooldown, cap) in POLICIES.items():
        cluster.apply(policy(name, namespace, cooldown, cap))
    yield
    for name in POLICIES:
        cluster.delete("RetrainPolicy", name, namespace)


def policy(name: str, namespace: str, cooldown: str, cap: int) -> Object:
    """Its runs are cancelled from birth: that they are created is the point, not what they would learn."""
    drift = {"window": f"{WINDOW}s", "psi": "0.25"}
    spec = {
        "rolloutRef": {"name": "r61"},
        "triggers": [{"name": "inputs", "type": "Drift", "drift": drift}],
        "cooldown": cooldown,
        "budget": {"triggered": cap, "per": "1d"},
        "runTemplate": {
            "metadata": {"labels": {"owner": "row-61"}},
            "spec": {**run_spec(namespace, "Linear", "phishing.csv"), "cancel": True},
        },
    }
    return {
        "apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    }  # fmt: skip


def runs(service: Service, name: str) -> list[Object]:
    return service.cluster.list("TrainingRun", service.namespace, labels=f"slipway.dev/policy={name}")


def test_r61_rows_like_those_of_training_trigger_nothing(service: Service, rows: tuple[Row, ...]) -> None:
    with service.client(rows, rate=30):
        time.sleep(WINDOW + 15)
        for name in POLICIES:
            kube.wait(
                lambda name=name: service.cluster.get("RetrainPolicy", name, service.namespace),
                lambda found: found.get("status", {}).get("state") == "Healthy",
                180, f"{name} has judged a whole window",
            )  # fmt: skip
    for name in POLICIES:
        assert runs(service, name) == []


def test_r61_a_lasting_shift_trains_once_per_cooldown_and_never_beyond_the_cap(
    service: Service, rows: tuple[Row, ...]
) -> None:
    with service.client(data.shifted_rows(rows), rate=30):
        for name in POLICIES:
            kube.wait(
                lambda name=name: {"runs": runs(service, name)},
                lambda found: bool(found["runs"]),
                WINDOW + 180, f"a TrainingRun of {name}",
            )  # fmt: skip
        time.sleep(75)  # three of the short cooldowns, with the drift going on
        made = {name: runs(service, name) for name in POLICIES}
    assert len(made["r61-long"]) == 1, "one run within the cooldown, however long the shift lasts"
    assert len(made["r61-short"]) == 2, "a second one after its cooldown, and none beyond the cap"
    (run,) = made["r61-long"]
    assert run["metadata"]["labels"]["owner"] == "row-61"
    assert run["spec"]["trainer"] == {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}}
    status = (service.cluster.get("RetrainPolicy", "r61-long", service.namespace) or {})["status"]
    assert status["lastRun"]["name"] == run["metadata"]["name"]
    assert status["lastRun"]["causes"] == ["inputs"]
    assert status["cooldownUntil"]
