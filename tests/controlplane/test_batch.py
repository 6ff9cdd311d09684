"""Batches on a real API server: the CronJob and Job that a rollout makes of the examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.core.agreement import cron_job_agrees
from slipway.core.batch_task import batch_task
from slipway.core.desired.names import Identity
from slipway.core.desired.scoring_cronjob import Scoring, scoring_cron_job, trial_job

from tests.cluster.bare import ControlPlane
from tests.controlplane.crds_installed import Kinds

pytestmark = pytest.mark.controlplane
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "batch").glob("*.yaml"))
DOCUMENTS = [document for path in EXAMPLES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
TASKS = [document for document in DOCUMENTS if document["kind"] == "ModelTask"]


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Kinds:
    return Kinds(control_plane)


def manifests(task: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the operator makes of an example."""
    rollout = next(each for each in DOCUMENTS if each["kind"] == "ModelRollout")
    predictor = ModelRolloutSpec.model_validate(rollout["spec"]).predictor
    asked = batch_task(ModelTaskSpec.model_validate(task["spec"]))
    assert asked is not None
    identity = Identity("default", task["metadata"]["name"], "0", owned=False)
    scoring = Scoring("0123456789", "1", f"registry.example.com/churn@sha256:{'0' * 64}", asked)
    trial = trial_job(identity, scoring, predictor)
    del trial["metadata"]["ownerReferences"]
    return scoring_cron_job(identity, scoring, predictor), trial


@pytest.mark.parametrize("task", TASKS, ids=lambda each: each["metadata"]["name"])
def test_its_cronjob_agrees_with_itself_and_makes_a_job_by_hand(kinds: Kinds, task: dict[str, Any]) -> None:
    wanted, trial = manifests(task)
    for manifest in (wanted, trial):
        kinds.kubectl.apply(json.dumps(manifest))
    name = wanted["metadata"]["name"]
    live = json.loads(kinds.kubectl.run("get", "cronjob", name, "-o", "json"))
    assert cron_job_agrees(live, wanted), "it would be applied again at every look"
    assert live["spec"]["suspend"] is (task["metadata"]["name"] == "churn-on-volume")
    kinds.kubectl.run("create", "job", f"--from=cronjob/{name}", f"{name}-now")
    job = json.loads(kinds.kubectl.run("get", "job", f"{name}-now", "-o", "json"))
    template = wanted["spec"]["jobTemplate"]
    assert template["metadata"]["labels"].items() <= job["metadata"]["labels"].items()
    assert job["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"] == f"{name}-now"
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == template["spec"]["template"]["spec"]["containers"][0]["env"]
