"""The evidence ledger on a cluster: one version promoted, one rolled back; the chain holds, and the commands say so."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment
from tests.rows.commands import run
from tests.rows.service import SAYS_PHISHING, Service, canary

pytestmark = pytest.mark.timeout(1500)

LEDGER = "slipway.dev/ledger"


def slipway(environment: Environment, command: str, service: Service, *flags: str) -> subprocess.CompletedProcess[str]:
    """A command about the rollout, as its users run it."""
    return run(command, service.name, "-n", service.namespace, *flags, kubeconfig=environment.kubeconfig)


def entries(cluster: Cluster, service: Service) -> list[tuple[Object, str]]:
    """The ConfigMaps of a ledger with their texts, by number."""
    uid = service.read()["metadata"]["uid"]
    found = cluster.list("ConfigMap", service.namespace, labels=f"{LEDGER}={uid}")
    return sorted(
        ((each, each["data"]["entry.json"]) for each in found), key=lambda pair: json.loads(pair[1])["sequence"]
    )


@pytest.fixture(scope="module")
def ended(serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]) -> Service:
    """A rollout of whose versions one was rolled back and one promoted."""
    service = serve("ledger")
    service.create(models["first"], [canary(50, seconds=8, exposures=40, gates=[SAYS_PHISHING])])
    with service.client(rows, rate=30):
        service.pin(models["skewed"])
        assert service.ended(models["skewed"])["outcome"] == "RolledBack"
        service.pin(models["better"])
        assert service.ended(models["better"])["outcome"] == "Promoted"
    service.wait(lambda found: not found["status"]["ledger"].get("pending"), 180, "the last decision is written down")
    return service


def test_every_decision_stands_in_an_immutable_chain(ended: Service, cluster: Cluster, models: dict[str, str]) -> None:
    found = entries(cluster, ended)
    told = [json.loads(text) for _, text in found]
    decided = [(e["decision"], e["target"]["version"]) for e in told]
    bad, good = models["skewed"], models["better"]
    for expected in (("Started", bad), ("StageEntered", bad), ("RolledBack", bad),
                     ("Started", good), ("StageEntered", good), ("StagePassed", good), ("Promoted", good)):  # fmt: skip
        assert expected in decided
    previous = ""
    for (obj, text), entry in zip(found, told, strict=True):
        assert obj["immutable"] is True
        assert entry.get("previous", "") == previous
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert obj["metadata"]["name"].endswith(previous[:12])
    assert ended.read()["status"]["ledger"]["head"] == previous
    (breach,) = [e for e in told if e["decision"] == "RolledBack"]
    (gate,) = [g for g in breach["gates"] if g["name"] == "says-phishing"]
    assert gate["verdict"] == "Breach"
    assert breach["evidence"]["queries"]
    assert all(e["run"] for e in told), "each entry names the MLflow run to which it will be moved"


def test_history_shows_both_turns_and_verifies(
    ended: Service, environment: Environment, models: dict[str, str]
) -> None:
    done = slipway(environment, "history", ended, "--output", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ledger"]["whole"] is True
    outcomes = {turn["version"]: turn["outcome"] for turn in found["turns"]}
    assert (outcomes[models["skewed"]], outcomes[models["better"]]) == ("RolledBack", "Promoted")
    told = slipway(environment, "history", ended)
    assert "the ledger is whole" in told.stdout


def test_explain_says_who_serves_and_the_way_back(
    ended: Service, environment: Environment, models: dict[str, str]
) -> None:
    told = slipway(environment, "explain", ended)
    assert told.returncode == 0, told.stderr
    assert f"Version {models['better']} serves all traffic" in told.stdout
    assert f"go back to version {models['first']} at once" in told.stdout


def test_an_entry_that_somebody_deletes_is_missed(ended: Service, cluster: Cluster, environment: Environment) -> None:
    obj, _ = entries(cluster, ended)[1]
    cluster.delete("ConfigMap", obj["metadata"]["name"], ended.namespace)
    done = slipway(environment, "history", ended)
    assert done.returncode == 1
    assert "the ledger is BROKEN" in done.stdout
