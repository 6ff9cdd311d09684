"""Rows 12 and 13: business metrics beside the model's in every stage, and how the two moved together over A/Bs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.rows.application import Application
from tests.rows.fixtures import EXAMPLES, ROOT
from tests.rows.service import Service, canary

NAME = "r12"
BUSINESS = [
    {"name": "approval_rate", "template": {"name": "approval-rate"}, "better": "Higher"},
    {"name": "sign_ups", "template": {"name": "r12-nobody-counts"}, "better": "Higher"},
]


def experiment(seconds: int, at_most: int, value: str) -> Object:
    return {
        "name": "ab", "type": "ABTest", "minDuration": f"{seconds}s", "minExposures": 120,
        "abTest": {
            "weight": "50%", "metric": "positive_rate", "better": "Higher", "atMost": f"{at_most}s",
            "effect": {"value": value, "kind": "Relative"}, "ifInconclusive": "KeepStable",
        },
    }  # fmt: skip


@dataclass
class Shop:
    """The rollout, and the application before it."""

    service: Service
    application: Application


@pytest.fixture(scope="module")
def templates(cluster: Cluster) -> Iterator[None]:
    """The example's, and one of a metric that nobody counts."""
    (counted,) = kube.manifests(ROOT / "examples" / "abtest" / "template.yaml", {})
    nobody = {**counted, "metadata": {"name": "r12-nobody-counts"}}
    nobody["spec"] = {**counted["spec"]} | {
        key: counted["spec"][key]
        .replace("approved_total", "r12_signed_total")
        .replace("decided_total", "r12_asked_total")
        for key in ("numerator", "denominator")
    }
    for each in (counted, nobody):
        cluster.apply(each)
    yield
    for each in (counted, nobody):
        cluster.delete("MetricTemplate", each["metadata"]["name"], "")


@pytest.fixture(scope="module")
def shop(
    serve: Callable[[str], Service], cluster: Cluster, namespace: str, models: dict[str, str], templates: None
) -> Iterator[Shop]:
    for task in kube.manifests(EXAMPLES / "task.yaml", {}):
        task["metadata"] = {"name": NAME, "namespace": namespace}
        task["spec"]["businessMetrics"] = BUSINESS
        cluster.apply(task)
    made = Shop(serve(NAME), Application(cluster, namespace, NAME))
    with made.application.counted():
        made.service.create(
            models["first"], [canary(20, seconds=25), experiment(15, 90, "30%")], taskRef={"name": NAME}
        )
        yield made


def shown(rollout: Object, stage: str) -> dict[str, Any]:
    """What stands side by side in a stage."""
    status = rollout.get("status", {})
    here = (status.get("stage") or {}).get("name") == stage
    return {each["name"]: each for each in status.get("sideBySide") or ()} if here else {}


def percent(text: str) -> float:
    return float(text.rstrip("%")) / 100


def test_r12_what_the_business_counts_stands_beside_the_model_in_every_stage(
    shop: Shop, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service, application = shop.service, shop.application
    with service.client(rows, rate=40, seen=application.decide) as client:
        service.pin(models["skewed"])
        for stage in ("canary-20", "ab"):
            both = service.wait(lambda found, stage=stage: len(shown(found, stage)) >= 2, 200, f"both in {stage}")
            metrics = shown(both, stage)
            assert metrics.keys() == {"positive_rate", "approval_rate"}, "what nobody counts is not shown"
            assert (metrics["positive_rate"]["kind"], metrics["approval_rate"]["kind"]) == ("Model", "Business")
            assert metrics["approval_rate"]["better"] == "Higher"
        candidate = view.variant(both, "candidate")["revision"]
        entry = service.ended(models["skewed"])
    assert client.read().failed == 0, client.read().failures
    assert application.approval_rate(candidate) == 1.0, "it never says phishing, so that all is approved"
    deltas = {each["name"]: each for each in entry["abTest"]["deltas"]}
    assert deltas["approval_rate"]["kind"] == "Business"
    assert percent(deltas["approval_rate"]["candidate"]) == 1.0
    assert percent(deltas["approval_rate"]["difference"]) > 0.2 > 0 > percent(deltas["positive_rate"]["difference"])
    assert (entry["outcome"], entry["reason"]) == ("RolledBack", "ABTestLost")


def effects(service: Service) -> list[tuple[float, float]]:
    """By how much both metrics moved in each experiment that history keeps."""
    tests = [entry["abTest"] for entry in service.read()["status"]["history"] if "abTest" in entry]
    named = [{each["name"]: percent(each["difference"]) for each in test["deltas"]} for test in tests]
    return [(each["positive_rate"], each["approval_rate"]) for each in named]


def together(service: Service) -> Object:
    (found,) = service.read()["status"]["metricsTogether"]
    return dict(found)


def test_r13_how_they_moved_together_is_said_after_three_experiments_and_not_before(
    shop: Shop, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = shop.service
    assert together(service)["verdict"] == "InsufficientData", "after the experiment of row 12"
    with service.client(rows, rate=40, seen=shop.application.decide):
        service.patch({"spec": {"stages": [experiment(15, 40, "5%")]}})
        service.pin(models["better"])
        service.ended(models["better"])
        two = together(service)
        assert (two["name"], two["experiments"]) == ("positive_rate/approval_rate", 2)
        assert (two["verdict"], "low" in two) == ("InsufficientData", False), "no interval before the third"
        stable = view.variant(service.read(), "stable")
        env = [{"name": "THIRD", "value": "experiment"}]
        service.patch({"spec": {"predictor": {"env": env}, "model": {"mlflow": {"version": stable["version"]}}}})
        service.wait(lambda found: together(service)["experiments"] == 3, 240, "the third experiment has ended")
    said, moved = together(service), effects(service)
    assert said["verdict"] == "Measured"
    assert len(moved) == 3
    # The two sources are scraped at different moments: of models that are alike either may have moved either way.
    clearly = [(ours, theirs) for ours, theirs in moved if abs(ours) > 0.2]
    assert clearly, "row 12's"
    assert all(ours * theirs < 0 for ours, theirs in clearly), "who calls less phishing approves more"
    same = sum(ours * theirs > 0 for ours, theirs in moved)
    assert said["sameDirection"] == same
    assert percent(said["low"]) <= same / 3 < percent(said["high"])
    assert percent(said["high"]) - percent(said["low"]) > 0.5, "three experiments prove little"
    assert float(said["correlation"]) < 0
