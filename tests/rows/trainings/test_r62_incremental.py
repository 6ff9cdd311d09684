"""Row 62: a policy continues the version that serves with the rows that are new: each batch is a version of its own,
tested before it is learnt. Nothing new makes no version, and what cannot be continued is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.environment import Environment as ClusterEnvironment
from tests.cluster.places import Places
from tests.demo import kube
from tests.demo.kube import Cluster, Object, Refused, condition
from tests.demo.settings import Environment
from tests.rows import cards
from tests.rows.commands import run as slipway
from tests.rows.fixtures import EXAMPLES
from tests.rows.service import GROUP, Service, canary

pytestmark = pytest.mark.timeout(2400)
NAME, BEGUN, GROWN = "r62", 1200, 1800  # rows
ENDED = ("Succeeded", "Failed", "Cancelled")
FEATURES = [{"name": name, "type": "Numeric"} for name in ("amount", "age", "device")]


def model(namespace: str) -> str:
    return f"{NAME}-{namespace}"


def spec(namespace: str, file: str, estimator: str = "StochasticGradient", **changes: Any) -> Object:
    return {
        "taskRef": {"name": NAME},
        "data": {"sources": [{"name": "bank", "uri": f"http://{NAME}-data.{namespace}.svc/{file}"}]},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": estimator}},
        "folds": 0,
        "register": {"model": model(namespace), "alias": "candidate"},
        **changes,
    }


@pytest.fixture(scope="module")
def published(cluster: Cluster, namespace: str, environment: Environment) -> Iterator[str]:
    """The bank's file as it was and as it has grown, behind HTTP, and the task."""
    rows = cards.history().drop(columns=["refund", "loyalty"])
    files = {"begun.csv": rows.head(BEGUN).to_csv(index=False), "grown.csv": rows.head(GROWN).to_csv(index=False)}
    meta = {"name": f"{NAME}-data", "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": files})
    replaced = {
        "phishing-data": f"{NAME}-data", "/phishing.csv": "/begun.csv",
        "python:3.11-slim": environment.images["pipelines"],
    }  # fmt: skip
    for manifest in kube.manifests(EXAMPLES / "data.yaml", replaced):
        manifest["metadata"]["namespace"] = namespace
        cluster.apply(manifest)
    cluster.apply(cards.task(NAME, namespace, features=FEATURES, label={"column": "fraud", "positive": "1"}))
    kube.wait(
        lambda: cluster.get("Deployment", f"{NAME}-data", namespace),
        lambda found: bool(found.get("status", {}).get("readyReplicas")), 120, "the server of the files",
    )  # fmt: skip
    yield namespace
    cluster.delete("ModelTask", NAME, namespace)


def ended(cluster: Cluster, namespace: str, name: str) -> Object:
    return kube.wait(
        lambda: cluster.get("TrainingRun", name, namespace),
        lambda run: run.get("status", {}).get("phase") in ENDED,
        600, f"the end of TrainingRun {name}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(cluster: Cluster, published: str) -> Iterator[Callable[..., Object]]:
    """Makes runs by hand."""
    made: list[str] = []

    def make(name: str, **changes: Any) -> Object:
        meta = {"name": name, "namespace": published}
        cluster.apply({"apiVersion": GROUP, "kind": "TrainingRun", "metadata": meta, "spec": changes})
        made.append(name)
        return ended(cluster, published, name)

    yield make
    for name in made:
        cluster.delete("TrainingRun", name, published)


@pytest.fixture(scope="module")
def first(trained: Callable[..., Object], published: str) -> Object:
    """The first version, which a person trains in full."""
    found = trained(f"{NAME}-first", **spec(published, "begun.csv"))
    assert found["status"]["phase"] == "Succeeded", found["status"]
    return found


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], first: Object, namespace: str) -> Service:
    made = serve(NAME)
    version = first["status"]["version"]
    served = {"type": "MLflow", "mlflow": {"name": model(namespace), "version": version}}
    made.create(version, [canary(50)], taskRef={"name": NAME}, model=served)
    return made


@pytest.fixture
def policy(service: Service, cluster: Cluster, published: str) -> Iterator[Callable[[], Object]]:
    """A policy whose calendar orders a run each minute, and what it says now."""
    body = {
        "rolloutRef": {"name": service.name},
        "mode": "Incremental",
        "schedule": {"cron": "* * * * *"},
        "budget": {"scheduled": 20, "per": "1d"},
        "historyLimit": 20,
        "runTemplate": {"spec": spec(published, "begun.csv")},
    }
    meta = {"name": NAME, "namespace": published}
    cluster.apply({"apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": meta, "spec": body})
    yield lambda: cluster.get("RetrainPolicy", NAME, published) or {}
    cluster.delete("RetrainPolicy", NAME, published)


def turns(policy: Object) -> list[Object]:
    return list((policy.get("status") or {}).get("turns") or ())


def by(run: Object, split: str) -> dict[str, Object]:
    return {one["name"]: one for one in run["status"]["metrics"] if one["split"] == split}


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(ClusterEnvironment.load(Places.of_environment().environment).mlflow_host_url)


def test_r62_a_policy_continues_what_serves_and_each_batch_is_a_version_tested_before_it_is_learnt(
    cluster: Cluster, policy: Callable[[], Object], first: Object, published: str, environment: Environment,
    tmp_path: Path,
) -> None:  # fmt: skip
    base = f"models:/{model(published)}/{first['status']['version']}"
    waited = kube.wait(
        policy, lambda found: any(one.get("reason") == "NothingNew" for one in turns(found)), 600, "a run without rows"
    )
    assert condition(waited, "Continuable") == {
        **condition(waited, "Continuable"), "status": "True", "reason": "Continuing",
    }  # fmt: skip
    empty = next(one for one in turns(waited) if one.get("reason") == "NothingNew")
    run = cluster.get("TrainingRun", empty["name"], published) or {}
    assert run["spec"]["incremental"]["base"] == base
    assert (run["status"]["phase"], run["status"].get("version", "")) == ("Succeeded", "")
    assert condition(run, "Ready")["reason"] == "NothingNew"
    assert "nothing new since" in condition(run, "Ready")["message"]
    template = {"runTemplate": {"spec": {"data": spec(published, "grown.csv")["data"]}}}
    cluster.patch("RetrainPolicy", NAME, published, {"spec": template})
    grown = kube.wait(
        policy, lambda found: any(one.get("version") for one in turns(found)), 600, "a run with a version"
    )
    cluster.patch("RetrainPolicy", NAME, published, {"spec": {"suspend": True}})
    turn = next(one for one in turns(grown) if one.get("version"))
    assert (turn["base"], turn["outcome"]) == (base, "Succeeded")
    assert (grown["status"].get("flips", 0), condition(grown, "Frozen")) == (0, {})
    step = cluster.get("TrainingRun", turn["name"], published) or {}
    learnt_and_judged(step, base)
    told_by_mlflow(step, first, published, tmp_path)
    said = slipway("wheel", NAME, "-n", published, "--output", "json", kubeconfig=environment.kubeconfig)
    assert next(one for one in json.loads(said.stdout)["turns"] if one["name"] == turn["name"])["base"] == base


def learnt_and_judged(step: Object, base: str) -> None:
    """What the run says of itself: the new rows alone, each predicted first; the old ones still answered as well."""
    status = step["status"]
    (batch,) = status["increment"]["batches"]
    assert (status["increment"]["base"], batch["rows"], batch["judged"]) == (base, GROWN - BEGUN, GROWN - BEGUN)
    assert condition(step, "CriteriaMet")["status"] == "True"
    value = by(step, "prequential")["average_precision"]
    assert 0.3 < float(value["low"]) < float(value["value"]) < float(value["high"]) < 1
    assert {"average_precision-minus-base"} <= set(by(step, "prequential"))
    assert {"average_precision", "average_precision-minus-base"} <= set(by(step, "retained"))
    assert condition(step, "Forgetting")["status"] == "False"
    assert by(step, "test") == {}


def told_by_mlflow(step: Object, first: Object, namespace: str, place: Path) -> None:
    """The version's lineage: its base by digest, and the batch."""
    version = client().get_model_version(model(namespace), step["status"]["version"])
    assert version.tags["slipway.base"] == step["spec"]["incremental"]["base"]
    assert version.tags["slipway.evaluation"] == "passed"
    path = client().download_artifacts(step["status"]["runId"], "model/slipway/lineage.json", str(place))
    lineage = json.loads(Path(path).read_text())
    assert lineage["base"]["version"] == first["status"]["version"]
    assert lineage["base"]["digest"] == first["status"]["modelDigest"]
    assert [one["rows"] for one in lineage["batches"]] == [GROWN - BEGUN]
    assert lineage["batches"][0]["digest"] == step["status"]["increment"]["batches"][0]["digest"]
    assert lineage["digest"] == version.tags["slipway.lineage"] == step["status"]["increment"]["lineage"]


def test_r62_what_cannot_be_continued_is_told_by_its_field_or_by_its_run(
    cluster: Cluster, trained: Callable[..., Object], first: Object, published: str
) -> None:
    base = {"base": f"models:/{model(published)}/{first['status']['version']}"}
    forest = spec(published, "grown.csv", "RandomForest")
    meta = {"name": "r62-forest", "namespace": published}
    with pytest.raises(Refused, match=r"partial_fit.*StochasticGradient, NeuralNetwork, NaiveBayes"):
        cluster.apply(
            {"apiVersion": GROUP, "kind": "TrainingRun", "metadata": meta, "spec": {**forest, "incremental": base}}
        )
    body = {
        "rolloutRef": {"name": NAME}, "mode": "Incremental", "schedule": {"cron": "@daily"},
        "runTemplate": {"spec": forest},
    }  # fmt: skip
    with pytest.raises(Refused, match="partial_fit"):
        cluster.apply({"apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": meta, "spec": body})
    other = trained("r62-other", **spec(published, "grown.csv", "NaiveBayes", incremental=base))
    assert other["status"]["phase"] == "Failed"
    assert condition(other, "Stalled")["reason"] == "EstimatorChanged"
    assert "train in full" in condition(other, "Stalled")["message"]
    assert not other["status"].get("version")
