"""Which Secrets reach a pod that loads a model: what docs/images.md says, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.api.v1alpha1.task_serving import Batch
from slipway.core.batch_task import BatchTask
from slipway.core.desired.inference_service import Served, inference_service, predictor_template
from slipway.core.desired.names import Identity
from slipway.core.desired.proof_job import ProofRun, proof_job, withheld_variables
from slipway.core.desired.scoring_cronjob import Scoring, scoring_cron_job, trial_job

ME = Identity("ns", "fraud", "uid-1")
PREDICTOR = Predictor.model_validate(
    {
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "env", "key": "token"}}}],
        "envFrom": [{"secretRef": {"name": "group"}}, {"configMapRef": {"name": "public"}, "prefix": "P_"}],
    }
)
LOG = PredictionLog.model_validate({"uri": "s3://lake/predictions", "secretRef": {"name": "log"}})
TEMPLATE = predictor_template(ME, Served("aaaa", "1", "reg/x@sha256:1", pull_secret="pull", log=LOG), PREDICTOR)
BATCH = Batch.model_validate(
    {
        "input": {"uri": "s3://lake/in/", "secretRef": {"name": "input"}},
        "output": {"uri": "s3://lake/out/", "secretRef": {"name": "output"}},
    }
)
SCORING = Scoring("aaaa", "1", "reg/x@sha256:1", BatchTask(BATCH), "pull")


def secrets(node: Any) -> Iterator[str]:
    """Names of Secrets anywhere in a manifest."""
    if isinstance(node, list):
        for one in node:
            yield from secrets(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "secretName":
                yield value
            elif key in ("secretRef", "secretKeyRef"):
                yield value["name"]
            elif key == "imagePullSecrets":
                yield from (one["name"] for one in value)
            else:
                yield from secrets(value)


def test_the_job_that_proves_an_image_has_the_pull_secret_alone() -> None:
    proof = ProofRun("key", TEMPLATE, "reg/builder@sha256:2", 60.0)
    assert set(secrets(proof_job(ME, proof))) == {"pull"}
    (model,) = proof_job(ME, proof)["spec"]["template"]["spec"]["initContainers"]
    assert model["envFrom"] == [{"configMapRef": {"name": "public"}, "prefix": "P_"}]
    assert withheld_variables(TEMPLATE) == ["TOKEN", "all of Secret group"]


def test_a_served_pod_has_the_secrets_of_log_and_environment_too() -> None:
    assert set(secrets(inference_service(ME, "fraud-aaaa", "aaaa", TEMPLATE, 1))) == {"pull", "log", "env", "group"}


def test_trial_and_scoring_of_a_batch_have_those_of_stores_and_environment() -> None:
    for manifest in (trial_job(ME, SCORING, PREDICTOR), scoring_cron_job(ME, SCORING, PREDICTOR)):
        assert set(secrets(manifest)) == {"pull", "input", "output", "env", "group"}
