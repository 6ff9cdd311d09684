"""Row 59: precision falls from 85% to 60%, labels come later: only matured cohorts count, and too few say nothing.

Predictions are logged by a served model behind the gateway; labels are published as a file by whoever asked. What they
say is made: of the model's positives 17, and then 12, in twenty are right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo import kube
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.rows.feedback import Customers, late_task
from tests.rows.fixtures import run_spec
from tests.rows.lake import lake
from tests.rows.service import GROUP, Service, canary
from tests.stores.s3 import S3Server

pytestmark = pytest.mark.skipif(
    bool(given_kubeconfig(Places.of_environment())), reason="pods of another machine's cluster do not reach this one"
)
WINDOW = 90  # seconds
NEEDED = 48


@pytest.fixture(scope="module")
def store(cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with lake(cluster, namespace, "r59-lake", tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def policies(cluster: Cluster, namespace: str) -> Iterator[Callable[[str], None]]:
    """Makes policies whose runs are cancelled from birth: that they are created is the point."""
    made: list[str] = []

    def make(name: str) -> None:
        performance = {"metric": "precision", "op": "<", "bound": "75%", "window": f"{WINDOW}s"}
        spec = {
            "rolloutRef": {"name": name},
            "triggers": [{"name": "precision", "type": "Performance", "performance": performance}],
            "cooldown": "1h",
            "runTemplate": {"spec": {**run_spec(namespace, "Linear", "phishing.csv"), "cancel": True}},
        }
        meta = {"name": name, "namespace": namespace}
        cluster.apply({"apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": meta, "spec": spec})
        made.append(name)

    yield make
    for name in made:
        cluster.delete("RetrainPolicy", name, namespace)


def logged(service: Service, version: str) -> None:
    """The service, whose predictions are in the store within seconds."""
    log = {"uri": f"s3://lake/{service.name}/", "secretRef": {"name": "r59-lake"}, "rotate": {"every": "1s"}}
    service.create(version, [canary(50)], predictionLog=log, taskRef={"name": service.name})


@contextmanager
def asked(service: Service, version: str, customers: Customers, p95: str) -> Iterator[None]:
    """Customers ask the service, whose task hears from them within `p95` what was true."""
    with customers.telling() as labels:
        service.cluster.apply(late_task(service.name, service.namespace, labels, p95))
        logged(service, version)
        with customers.asking():
            yield


def read(service: Service) -> Object:
    return service.cluster.get("RetrainPolicy", service.name, service.namespace) or {}


def figure(policy: Object) -> dict[str, Any]:
    """What the policy's status says of matured labels."""
    return dict(next(iter(policy.get("status", {}).get("performance") or [{}])))


def runs(service: Service) -> list[Object]:
    return service.cluster.list("TrainingRun", service.namespace, labels=f"slipway.dev/policy={service.name}")


def percent(text: str) -> float:
    return float(text.rstrip("%"))


@pytest.mark.timeout(1500)
def test_r59_a_fall_of_precision_from_85_to_60_percent_orders_one_run_that_names_it(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...],
    policies: Callable[[str], None],
) -> None:  # fmt: skip
    service = serve("r59")
    customers = Customers(service.target, rows, right=17)
    with asked(service, models["first"], customers, "10s"):
        policies("r59")
        good = kube.wait(
            lambda: read(service),
            lambda found: figure(found).get("verdict") == "Clear" and figure(found).get("trials", 0) > 100,
            420, "a figure of 85%",
        )  # fmt: skip
        assert 80 < percent(figure(good)["value"]) < 90, figure(good)
        assert runs(service) == []
        customers.right = 12
        kube.wait(lambda: {"runs": runs(service)}, lambda found: bool(found["runs"]), 420, "a TrainingRun")
        time.sleep(2 * WINDOW)  # further measurements of the same fall
        made, policy = runs(service), read(service)
    assert customers.failures == []
    assert len(made) == 1, "one fall, one run"
    assert made[0]["metadata"]["annotations"]["slipway.dev/triggers"] == "precision"
    assert made[0]["spec"]["cause"] == "Emergency"
    assert policy["status"]["lastRun"]["causes"] == ["precision"]
    told = figure(policy)
    assert told["verdict"] == "Confirmed"
    assert 53 < percent(told["value"]) < 67, told
    assert percent(told["low"]) < percent(told["value"]) < percent(told["high"]) < 75
    assert told["trials"] >= NEEDED
    assert told["since"] < told["until"] < told["measuredAt"]
    assert percent(told["completeness"]) > 90
    assert told["cohorts"]
    assert told["ages"][0]["rows"] > 0, "young ones are told of and not counted"
    jobs = service.cluster.list("Job", service.namespace, labels="slipway.dev/policy=r59")
    assert len(jobs) <= 2, "measurements that were heard are cleaned up"


@pytest.mark.timeout(1200)
def test_r59_immature_labels_order_nothing_whatever_they_say(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...],
    policies: Callable[[str], None],
) -> None:  # fmt: skip
    service = serve("r59-young")
    customers = Customers(service.target, rows, right=0)  # every positive is wrong, and everybody has said so
    with asked(service, models["first"], customers, "1h"):
        policies("r59-young")
        seen = kube.wait(
            lambda: read(service), lambda found: bool(figure(found).get("expected")), 420, "labels that are expected"
        )
        time.sleep(WINDOW)
        assert runs(service) == []
    assert sum(customers.flagged.values()) >= NEEDED
    told = figure(seen)
    assert told["verdict"] == "InsufficientData"
    assert f"0 of the {NEEDED} matured predicted positives" in told["message"]
    assert f"{NEEDED} are missing, expected by" in told["message"]
    assert condition(seen, "PerformanceMeasured")["reason"] == "InsufficientData"
    assert runs(service) == []
