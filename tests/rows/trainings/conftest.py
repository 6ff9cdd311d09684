"""The TrainingRuns on made data with known faults, which several files look at: five side by side, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment
from tests.rows import cards
from tests.rows.fixtures import EXAMPLES

NOTE = "only cards with online use"
COLUMN = {"by": "Column", "column": "part"}
CONTRACT = "schema_type: dataframe\ncolumns:\n  items: {dtype: int64, checks: {less_than_or_equal_to: 3}}\n"
DATA: dict[str, tuple[str, Object]] = {
    "history": ("cards", {
        "sources": [
            {"name": "bank", "uri": "history.csv", "origin": "Organic", "exposureNote": NOTE},
            {"name": "made", "uri": "synthetic.csv", "origin": "Synthetic"},
        ],
        "quality": {"nearDuplicates": {"distance": "0.01"}},
    }),
    "annotated": ("seen-by-two", {"sources": [{"name": "file", "uri": "annotated.csv"}], "split": COLUMN}),
    "sure": ("too-sure", {"sources": [{"name": "file", "uri": "annotated.csv"}], "split": COLUMN}),
    "made-up": ("seen-by-two", {
        "sources": [
            {"name": "file", "uri": "annotated.csv"}, {"name": "made", "uri": "made.csv", "origin": "Synthetic"},
        ],
        "split": COLUMN,
    }),
    "broken": ("seen-by-two", {
        "sources": [{"name": "file", "uri": "annotated.csv"}],
        "split": COLUMN, "quality": {"contract": {"configMapRef": {"name": "contract"}}},
    }),
}  # fmt: skip


@pytest.fixture(scope="session")
def published(cluster: Cluster, namespace: str, environment: Environment) -> str:
    """The files behind HTTP, the tasks, the contract."""
    for name, content in (("made-data", cards.files()), ("contract", {"schema.yaml": CONTRACT})):
        cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
             "data": content}
        )  # fmt: skip
    replaced = {
        "phishing-data": "made-data", "/phishing.csv": "/history.csv",
        "python:3.11-slim": environment.images["pipelines"],
    }  # fmt: skip
    for manifest in kube.manifests(EXAMPLES / "data.yaml", replaced):
        manifest["metadata"]["namespace"] = namespace
        cluster.apply(manifest)
    sure = {**cards.ANNOTATED, "criteria": [{"name": "surely", "expression": "accuracy >= 0.97"}]}
    weekends = {"slices": {"columns": ["weekend"], "minimumRows": 30}}
    for name, changes in (("cards", weekends), ("seen-by-two", cards.ANNOTATED), ("too-sure", sure)):
        cluster.apply(cards.task(name, namespace, **changes))
    kube.wait(
        lambda: cluster.get("Deployment", "made-data", namespace),
        lambda found: bool(found.get("status", {}).get("readyReplicas")), 120, "the server of the files",
    )  # fmt: skip
    return namespace


@pytest.fixture(scope="session")
def runs(cluster: Cluster, published: str) -> Iterator[dict[str, Object]]:
    """All runs, ended."""
    for name, (task, data) in DATA.items():
        cluster.apply(cards.run(name, published, task, dict(data)))
    yield {
        name: kube.wait(
            lambda name=name: cluster.get("TrainingRun", name, published),
            lambda found: found.get("status", {}).get("phase") in ("Succeeded", "Failed"),
            600, f"the end of {name}",
        )
        for name in DATA
    }  # fmt: skip
    for name in DATA:
        cluster.delete("TrainingRun", name, published)


@pytest.fixture(scope="session")
def tracking() -> str:
    """MLflow, as this machine reaches it."""
    from tests.cluster.environment import Environment as Found
    from tests.cluster.places import Places

    return Found.load(Places.of_environment().environment).mlflow_host_url


@pytest.fixture(scope="session")
def artifacts(
    runs: dict[str, Object], tracking: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Downloads an artifact of a run from MLflow."""
    from mlflow.artifacts import download_artifacts

    def download(name: str, path: str) -> Path:
        run, target = runs[name]["status"]["runId"], tmp_path_factory.mktemp(name)
        return Path(download_artifacts(run_id=run, artifact_path=path, dst_path=str(target), tracking_uri=tracking))

    return download


@pytest.fixture(scope="session")
def tracked(runs: dict[str, Object], tracking: str) -> Callable[[str], Any]:
    """What MLflow has of a run."""
    from mlflow import MlflowClient

    return lambda name: MlflowClient(tracking).get_run(runs[name]["status"]["runId"])


@pytest.fixture(scope="session")
def report(artifacts: Callable[[str, str], Path]) -> Object:
    """The data report over the history."""
    return dict(json.loads((artifacts("history", "data") / "report.json").read_text()))


@pytest.fixture(scope="session")
def steps(artifacts: Callable[[str, str], Path]) -> Object:
    """The fitted steps of the annotated run's model, by name."""
    import mlflow.sklearn

    pipeline = mlflow.sklearn.load_model(str(artifacts("annotated", "model")))
    return {**pipeline["features"].named_transformers_, "names": list(pipeline["features"].get_feature_names_out())}
