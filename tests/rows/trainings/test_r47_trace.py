"""Row 47: from a live InferenceService to rollout, run, data and code by one command, also when the run is gone."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.demo import view
from tests.demo.settings import Environment
from tests.rows.commands import run as slipway
from tests.rows.service import Service, canary


def test_r47_one_command_goes_all_the_way_back(
    serve: Callable[[str], Service], models: dict[str, str], environment: Environment, namespace: str
) -> None:
    service = serve("r47")
    service.create(models["first"], [canary(50)])
    live = view.variant(service.read(), "stable")["inferenceService"]
    words = ("trace", live, "-n", namespace, "--output", "json")
    said = slipway(*words, kubeconfig=environment.kubeconfig)
    assert said.returncode == 0, said.stderr
    links = {link["kind"]: link for link in json.loads(said.stdout)}
    run = service.cluster.get("TrainingRun", "first", namespace)
    assert run is not None
    assert links["ModelRollout"]["name"] == "r47"
    assert links["Model"]["version"] == models["first"]
    assert (links["TrainingRun"]["name"], links["TrainingRun"]["run"]) == ("first", run["status"]["runId"])
    assert links["Data"]["digest"] == run["status"]["dataDigest"]
    assert links["Data"]["source"].endswith("/phishing.csv")
    assert links["Code"]["estimator"] == "Linear"


def test_r47_what_no_rollout_made_is_named(environment: Environment, namespace: str) -> None:
    said = slipway("trace", "no-such-service", "-n", namespace, kubeconfig=environment.kubeconfig)
    assert said.returncode == 2
    assert "no-such-service" in said.stderr
