"""Row 64: data, train, evaluate, deploy, monitor, retrain: one whole turn with nobody at it, and one history of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.demo import data, kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment
from tests.rows.commands import run as slipway
from tests.rows.fixtures import run_spec
from tests.rows.service import GROUP, Service, canary

pytestmark = pytest.mark.timeout(1200)
FIRST, POLICY = "r64-first", "r64"


def spec(namespace: str, estimator: str) -> Object:
    """A run whose version becomes the alias that the rollout follows."""
    return run_spec(namespace, estimator, "phishing.csv") | {
        "register": {"model": f"wheel-{namespace}", "alias": "candidate"}
    }


@pytest.fixture
def first(cluster: Cluster, namespace: str) -> Iterator[Object]:
    """The first model, which a person trains."""
    meta = {"name": FIRST, "namespace": namespace}
    cluster.apply({"apiVersion": GROUP, "kind": "TrainingRun", "metadata": meta, "spec": spec(namespace, "Linear")})
    done = kube.wait(
        lambda: cluster.get("TrainingRun", FIRST, namespace),
        lambda run: run.get("status", {}).get("phase") in ("Succeeded", "Failed"),
        300, f"TrainingRun {FIRST}",
    )  # fmt: skip
    assert done["status"]["phase"] == "Succeeded", done["status"]
    yield done
    cluster.delete("RetrainPolicy", POLICY, namespace)
    cluster.delete("TrainingRun", FIRST, namespace)


def policy(namespace: str, rollout: str) -> Object:
    drift = {"window": "30s", "psi": "0.25"}
    return {
        "apiVersion": GROUP,
        "kind": "RetrainPolicy",
        "metadata": {"name": POLICY, "namespace": namespace},
        "spec": {
            "rolloutRef": {"name": rollout},
            "triggers": [{"name": "inputs", "type": "Drift", "drift": drift}],
            "cooldown": "1h",
            "budget": {"triggered": 1, "per": "1d"},
            "runTemplate": {"spec": spec(namespace, "GradientBoosting")},
        },
    }


def test_r64_a_turn_from_drift_to_promotion_passes_unattended_and_one_history_links_it(
    serve: Callable[[str], Service], cluster: Cluster, namespace: str, environment: Environment, first: Object,
    rows: tuple[Row, ...],
) -> None:  # fmt: skip
    service, before = serve("r64"), first["status"]["version"]
    follows = {"type": "MLflow", "mlflow": {"name": f"wheel-{namespace}", "alias": "candidate"}}
    service.create(before, [canary(50)], model=follows)
    cluster.apply(policy(namespace, service.name))
    with service.client(data.shifted_rows(rows), rate=30) as client:
        done = kube.wait(
            lambda: cluster.get("RetrainPolicy", POLICY, namespace),
            lambda found: bool(((found.get("status") or {}).get("turns") or [{}])[0].get("rolloutAt")),
            600, "the end of the turn",
        )  # fmt: skip
    assert client.read().failed == 0, client.read().failures
    (turn,) = done["status"]["turns"]
    run = cluster.get("TrainingRun", turn["name"], namespace) or {}
    assert (turn["causes"], turn["outcome"], turn["rollout"]) == (["inputs"], "Succeeded", "Promoted")
    assert turn["version"] == run["status"]["version"] == str(int(before) + 1)
    assert (turn["runId"], turn["dataDigest"]) == (run["status"]["runId"], run["status"]["dataDigest"])
    assert run["metadata"]["labels"]["slipway.dev/policy"] == POLICY
    assert run["spec"]["cause"] == "Emergency"
    rollout = service.read()
    (entry,) = view.history(rollout, turn["version"])
    assert entry["outcome"] == "Promoted"
    stable = view.variant(rollout, "stable")
    assert stable["version"] == turn["version"]
    said = slipway("wheel", POLICY, "-n", namespace, "--output", "json", kubeconfig=environment.kubeconfig)
    assert said.returncode == 0, said.stderr
    (told,) = json.loads(said.stdout)["turns"]
    assert (told["name"], told["rolloutReason"]) == (turn["name"], entry["reason"])
    live = ("trace", stable["inferenceService"], "-n", namespace, "--output", "json")
    links = {link["kind"]: link for link in json.loads(slipway(*live, kubeconfig=environment.kubeconfig).stdout)}
    assert links["TrainingRun"]["name"] == turn["name"]
