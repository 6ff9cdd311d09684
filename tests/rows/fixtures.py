"""What all tests on a whole cluster share: Slipway installed by its chart, and three models trained once.

Tests run side by side have a namespace for each worker, with models of its own: nothing that one does is seen by
another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.cluster.lock import exclusive
from tests.demo import data, kube
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment, load, state_directory
from tests.rows.service import GROUP, Service

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "-".join(filter(None, ["rows", os.environ.get("PYTEST_XDIST_WORKER")]))
EXAMPLES = ROOT / "examples" / "quickstart"


LIMIT = 1800
"""Seconds for a test on the cluster that names no others: the first of a worker waits for three models."""


def mark(items: Iterable[pytest.Item], directory: Path) -> None:
    """What holds for all tests below a directory of cluster tests."""
    for item in items:
        if directory in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def environment() -> Environment:
    """The cluster with Slipway installed, brought up by the command that a user has: idempotent, seconds when warm."""
    # Helm refuses a second upgrade of a release while a first one runs.
    state = state_directory()
    with exclusive(state.with_name(f"{state.name}.installation.lock"), print):
        subprocess.run([sys.executable, "-m", "tests.demo.installation"], cwd=ROOT, check=True, timeout=3600)
    return load()


@pytest.fixture(scope="session")
def cluster(environment: Environment) -> Iterator[Cluster]:
    client = Cluster(environment.kubeconfig)
    yield client
    client.close()


@pytest.fixture(scope="session")
def rows() -> tuple[data.Row, ...]:
    """Real rows that no model was trained on."""
    return data.live_rows(data.rows())


@pytest.fixture(scope="session")
def namespace(cluster: Cluster, environment: Environment) -> str:
    """A namespace with the training data and the task; what an earlier run left there is removed first."""
    command = [sys.executable, "-m", "tests.demo.installation", "--fresh-namespace", NAMESPACE]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    meta = {"name": "phishing-data", "namespace": NAMESPACE}
    files = data.training_files(data.rows())
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": files})
    image = {"data.yaml": {"python:3.11-slim": environment.images["pipelines"]}}
    for file in ("data.yaml", "task.yaml"):
        for manifest in kube.manifests(EXAMPLES / file, image.get(file, {})):
            manifest["metadata"]["namespace"] = NAMESPACE
            cluster.apply(manifest)
    return NAMESPACE


@pytest.fixture(scope="session")
def models(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Versions of three trained models: `first` and `better` are good, `skewed` passed evaluation and is wrong live."""
    kinds = {
        "first": ("Linear", "phishing.csv"),
        "better": ("GradientBoosting", "phishing.csv"),
        "skewed": ("GradientBoosting", "phishing-points-lost.csv"),
    }
    for name, (estimator, file) in kinds.items():
        cluster.apply(training_run(name, namespace, estimator, file))
    versions = {}
    for name in kinds:
        done = kube.wait(
            lambda name=name: cluster.get("TrainingRun", name, namespace),
            lambda run: run.get("status", {}).get("phase") in ("Succeeded", "Failed"),
            900, f"TrainingRun {name}",
        )  # fmt: skip
        assert done["status"]["phase"] == "Succeeded", done["status"]
        versions[name] = done["status"]["version"]
    return versions


def training_run(name: str, namespace: str, estimator: str, file: str) -> Object:
    return {
        "apiVersion": GROUP,
        "kind": "TrainingRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": run_spec(namespace, estimator, file),
    }


def run_spec(namespace: str, estimator: str, file: str) -> Object:
    return {
        "taskRef": {"name": "phishing"},
        "data": {
            "sources": [{"name": "pages", "uri": f"http://phishing-data.{namespace}.svc/{file}"}],
            "split": {"by": "Column", "column": "split"},
        },
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": estimator}},
        "allow": {"testReuse": 100},
        "seed": 7,
        "register": {"model": "phishing-tests"},
    }


@pytest.fixture(scope="module")
def serve(cluster: Cluster, namespace: str, environment: Environment) -> Iterator[Callable[[str], Service]]:
    """Makes services that are deleted when the module ends."""
    made: list[Service] = []

    def make(name: str) -> Service:
        made.append(Service(name, namespace, cluster, environment))
        return made[-1]

    yield make
    for service in made:
        service.delete()
