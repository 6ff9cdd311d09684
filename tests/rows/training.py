"""The TrainingRuns that prove several rows at once: made together, once for a session."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.cluster.environment import Environment as ClusterEnvironment
from tests.cluster.places import Places
from tests.demo import kube
from tests.demo.kube import Cluster, Object
from tests.rows.fixtures import training_run
from tests.rows.service import GROUP

ENDED = ("Succeeded", "Failed", "Cancelled")
GRID = {
    "algorithm": "Grid",
    "maxRuns": 4,
    "space": {"learning_rate": {"choices": ["0.05", "0.2"]}, "min_samples_leaf": {"choices": ["5", "20"]}},
}
CATCH_ALL = [{"name": "all", "if": "ip_in_url >= 0", "predict": "1"}]
BARE = [{"name": "bare", "if": "https == 0", "predict": "1"}]
JUDGED: Mapping[str, Any] = {
    "value": {"truePositive": "5", "falsePositive": "-5", "unit": "EUR"},
    "criteria": [
        {"name": "catch", "expression": "recall >= 0.7"},
        {"name": "beats-rules", "expression": "recall >= rules.recall"},
        {"name": "pays", "expression": "net_value >= rules.net_value"},
    ],
    "rules": {"when": BARE, "serve": "ModelOnly"},
    "slices": {"columns": ["https"], "minimumRows": 30, "worst": "accuracy >= 0.5"},
}
TASKS: Mapping[str, Mapping[str, Any]] = {
    "t-judged": JUDGED,
    "t-wish": {"criteria": [{"name": "wish", "expression": "recall >= 0.9999"}], "rules": {"when": CATCH_ALL}},
    "t-ruled": {"criteria": [{"name": "catch", "expression": "recall >= 0.9"}], "rules": {"when": CATCH_ALL}},
    "t-shared": {},
    "t-network": {},
    "t-floor": {
        "slices": {"columns": ["https"], "minimumRows": 30, "worst": "average_precision >= 0.9999"},
        "criteria": [{"name": "catch", "expression": "recall >= 0.5"}],
    },
}
RUNS: Mapping[str, Mapping[str, Any]] = {
    "t-searched": {"taskRef": {"name": "t-judged"}, "tuning": GRID, "folds": 3},
    "t-unprovable": {"taskRef": {"name": "t-wish"}},
    "t-ruled": {"taskRef": {"name": "t-ruled"}},
    "t-heuristic": {
        "taskRef": {"name": "t-ruled"},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Rules"}},
    },
    "t-shared": {
        "taskRef": {"name": "t-shared"},
        "tuning": {"algorithm": "Random", "trials": 7, "parallelism": 2},
        "folds": 0,
    },
    "t-floor": {"taskRef": {"name": "t-floor"}},
    "t-network": {
        "taskRef": {"name": "t-network"},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "NeuralNetwork"}},
        "parameters": {"max_iter": "20"},
        "tuning": {"algorithm": "Random", "trials": 4},
        "folds": 0,
    },
}


def ended(cluster: Cluster, namespace: str, name: str) -> Object:
    """A TrainingRun at its end."""
    return kube.wait(
        lambda: cluster.get("TrainingRun", name, namespace),
        lambda run: run.get("status", {}).get("phase") in ENDED,
        600, f"the end of TrainingRun {name}",
    )  # fmt: skip


class Trained:
    """The ended runs by name, and what MLflow has of them."""

    def __init__(self, cluster: Cluster, namespace: str, mlflow: str) -> None:
        self.cluster, self.namespace, self.mlflow = cluster, namespace, mlflow

    def task(self, name: str, spec: Mapping[str, Any]) -> None:
        """A task like the quickstart's, with changes."""
        found = self.cluster.get("ModelTask", "phishing", self.namespace)
        assert found is not None
        meta = {"name": name, "namespace": self.namespace}
        merged = {**copy.deepcopy(found["spec"]), **spec}
        self.cluster.apply({"apiVersion": GROUP, "kind": "ModelTask", "metadata": meta, "spec": merged})

    def run(self, name: str, spec: Mapping[str, Any]) -> None:
        """A run of gradient boosting that may open its test rows once."""
        made = training_run(name, self.namespace, "GradientBoosting", "phishing.csv")
        made["spec"] |= {"register": {"model": f"training-{name}"}, "allow": {}, **spec}
        self.cluster.apply(made)

    def ended(self, name: str) -> Object:
        """As `ended`."""
        return ended(self.cluster, self.namespace, name)

    def client(self) -> Any:
        """MLflow's own client."""
        from mlflow import MlflowClient

        return MlflowClient(self.mlflow)

    def tracked(self, name: str) -> Any:
        """The MLflow run of a run."""
        return self.client().get_run(self.ended(name)["status"]["runId"])

    def trials(self, name: str) -> list[Any]:
        """The trials of its search."""
        run = self.tracked(name)
        query = f"tags.`slipway.search` = '{self.ended(name)['metadata']['uid']}'"
        return list(self.client().search_runs([run.info.experiment_id], query))


@pytest.fixture(scope="session")
def trained(cluster: Cluster, namespace: str) -> Iterator[Trained]:
    """All runs at once: their pods share the minutes."""
    mlflow = ClusterEnvironment.load(Places.of_environment().environment).mlflow_host_url
    found = Trained(cluster, namespace, mlflow)
    for name, spec in TASKS.items():
        found.task(name, spec)
    for name, spec in RUNS.items():
        found.run(name, spec)
    yield found
    for name in RUNS:
        cluster.delete("TrainingRun", name, namespace)
