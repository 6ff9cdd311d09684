"""After promotion the version before stays until the new one's own labels decide: by a real log, labels and Jobs.

Predictions are logged by served models behind the gateway; labels are published as a file by whoever asked. What they
say is made: of the model's positives all are right, or a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.view import variant
from tests.rows.feedback import Customers, late_task
from tests.rows.lake import lake
from tests.rows.service import Service, canary
from tests.stores.s3 import S3Server

pytestmark = pytest.mark.skipif(
    bool(given_kubeconfig(Places.of_environment())), reason="pods of another machine's cluster do not reach this one"
)
PATIENCE = 600
NEEDED = 48


@pytest.fixture(scope="module")
def store(cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with lake(cluster, namespace, "probation-lake", tmp_path_factory.mktemp("store")) as server:
        yield server


@contextmanager
def promoted(service: Service, models: dict[str, str], customers: Customers, at_least: str) -> Iterator[None]:
    """The second version serves, and customers who ask it say within ten seconds what was true."""
    log = {"uri": f"s3://lake/{service.name}/", "secretRef": {"name": "probation-lake"}, "rotate": {"every": "1s"}}
    probation = {"metric": "precision", "op": ">=", "bound": "75%"}
    promotion = {"keepPrevious": {"atLeast": at_least, "atMost": "1d"}, "probation": probation}
    with customers.telling() as labels:
        service.cluster.apply(late_task(service.name, service.namespace, labels, "10s"))
        first = service.create(
            models["first"], [canary(50)], predictionLog=log, promotion=promotion, taskRef={"name": service.name}
        )
        assert condition(first, "OnProbation")["reason"] == "NoPrevious"
        with customers.asking():
            service.pin(models["better"])
            service.await_serving(models["better"])
            yield


def probation(rollout: Object) -> dict[str, Any]:
    return dict(rollout.get("status", {}).get("probation") or {})


def jobs(service: Service) -> list[Object]:
    made = service.cluster.list("Job", service.namespace, labels=f"slipway.dev/rollout={service.name}")
    return [job for job in made if "-probation-" in job["metadata"]["name"]]


def test_a_promoted_version_whose_matured_labels_are_bad_goes_back(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("proba-bad")
    customers = Customers(service.target, rows, right=5)  # of twenty: precision 25%
    with promoted(service, models, customers, "1h"):
        begun = service.wait(lambda found: bool(probation(found)), PATIENCE, "a probation")
        assert probation(begun)["since"] == variant(begun, "previous")["since"]
        settled = service.wait(
            lambda found: variant(found, "stable")["version"] == models["first"] and not found["status"].get("stage"),
            PATIENCE, "the first version serves again",
        )  # fmt: skip
        entry = settled["status"]["history"][0]
    assert customers.failures == []
    assert (entry["version"], entry["outcome"], entry["reason"]) == (models["better"], "RolledBack", "ProbationFailed")
    (gate,) = [each for each in entry["gates"] if each["name"] == "probation.precision"]
    assert gate["samples"] >= NEEDED
    assert float(gate["high"].rstrip("%")) < 75
    assert settled["status"]["rejected"][0]["version"] == models["better"]
    assert condition(settled, "OnProbation")["reason"] == "ProbationFailed"
    assert len(jobs(service)) <= 1, "looks that were heard are cleaned up"


def test_one_whose_matured_labels_are_good_ends_its_probation_and_the_version_before_goes(
    store: S3Server, serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("proba-good")
    customers = Customers(service.target, rows, right=20)
    with promoted(service, models, customers, "1s"):
        looked = service.wait(lambda found: probation(found).get("run", 0) > 0, PATIENCE, "a first look")
        assert variant(looked, "previous")["version"] == models["first"], "kept, although atLeast has passed"
        passed = service.wait(lambda found: probation(found).get("verdict") == "Pass", PATIENCE, "its labels decide")
        service.wait(lambda found: not variant(found, "previous"), PATIENCE, "the version before goes")
    assert customers.failures == []
    told = probation(passed)
    assert told["trials"] >= NEEDED
    assert float(told["low"].rstrip("%")) >= 75
    assert told["since"] < told["until"] < told["measuredAt"]
    assert condition(service.read(), "OnProbation")["reason"] == "Passed"
    assert variant(service.read(), "stable")["version"] == models["better"]
