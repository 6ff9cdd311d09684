"""Where pods run is the tenant's word for every pod with the model in it; as whom, for those that serve."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.task_serving import Batch
from slipway.core.batch_task import BatchTask
from slipway.core.desired.inference_service import Served, inference_service, predictor_template
from slipway.core.desired.names import Identity
from slipway.core.desired.proof_job import ProofRun, proof_job
from slipway.core.desired.scoring_cronjob import Scoring, scoring_cron_job, trial_job

ME = Identity("ns", "fraud", "uid-1")
SERVED = Served("aaaa", "1", "reg/x@sha256:1")
NODES: dict[str, Any] = {
    "nodeSelector": {"pool": "serving"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "priorityClassName": "serving",
}
ASKED = Predictor.model_validate({**NODES, "serviceAccountName": "lake-reader"})
TEMPLATE = predictor_template(ME, SERVED, ASKED)
BATCH = Batch.model_validate({"input": {"uri": "file:///data/in/"}, "output": {"uri": "file:///data/out/"}, "volume": {
    "persistentVolumeClaim": {"claimName": "data"}}})  # fmt: skip
SCORING = Scoring("aaaa", "1", "reg/x@sha256:1", BatchTask(BATCH))


def pods() -> dict[str, dict[str, Any]]:
    return {
        "serving": inference_service(ME, "fraud-aaaa", "aaaa", TEMPLATE, 1)["spec"]["predictor"],
        "scoring": scoring_cron_job(ME, SCORING, ASKED)["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        "trial": trial_job(ME, SCORING, ASKED)["spec"]["template"]["spec"],
        "proof": proof_job(ME, ProofRun("key", TEMPLATE, "reg/builder@sha256:2", 60.0))["spec"]["template"]["spec"],
    }


@pytest.mark.parametrize("name", ["serving", "scoring", "trial", "proof"])
def test_every_pod_with_the_model_runs_on_the_nodes_asked_for(name: str) -> None:
    pod = pods()[name]
    assert {key: pod.get(key) for key in NODES} == NODES
    assert pod.get("serviceAccountName") == (None if name == "proof" else "lake-reader")
    assert pod["automountServiceAccountToken"] is False


def test_who_asks_for_nothing_gets_a_pod_without_these_fields() -> None:
    bare = inference_service(ME, "fraud-aaaa", "aaaa", predictor_template(ME, SERVED, Predictor()), 1)
    assert not {*NODES, "serviceAccountName"} & bare["spec"]["predictor"].keys()


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        ({"priorityClassName": "system-cluster-critical"}, "must not be one of the cluster's own"),
        ({"tolerations": [{}]}, "key is required unless operator is Exists"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "value goes with operator Equal"),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 3}]}, "tolerationSeconds goes with effect NoExecute"),
    ],
)
def test_what_no_pod_may_have_is_told(predictor: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Predictor.model_validate(predictor)
