"""Shadow compared pair by pair, as a real API server takes it: the example, refusals, and the Job with its network."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.agreement import policy_agrees
from slipway.core.desired.names import Identity
from slipway.core.desired.network_policy import Reachable, pairs_policy
from slipway.core.desired.pairing_job import PairingRun, pairing_job
from slipway.core.pairs import PairedTask

from tests.cluster.bare import ControlPlane
from tests.controlplane.crds_installed import Kinds
from tests.controlplane.namespaces import namespace

pytestmark = pytest.mark.controlplane
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "shadow").glob("*.yaml"))
DOCUMENTS = [document for path in EXAMPLES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
ROLLOUT = next(document for document in DOCUMENTS if document["kind"] == "ModelRollout")
ME = Identity("pairs", "fraud", "4d9a1b1e-0000-4000-8000-000000000002")
S3 = PredictionLog.model_validate({"uri": "s3://lake/fraud/", "secretRef": {"name": "lake"}})
VOLUME = PredictionLog.model_validate(
    {"uri": "file:///fraud", "persistentVolumeClaim": {"claimName": "predictions"}},
)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Kinds:
    return Kinds(control_plane)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_the_examples_are_accepted(kinds: Kinds, document: dict[str, Any]) -> None:
    named = {**document, "metadata": {**document["metadata"], "namespace": "default"}}
    answer = kinds.create(named, dry_run=True)
    assert answer.code == 201, answer.message


def without_log(spec: dict[str, Any]) -> None:
    del spec["predictionLog"]


def in_a_canary(spec: dict[str, Any]) -> None:
    spec["stages"][1]["gates"] = spec["stages"][0].pop("gates")


def with_a_window(spec: dict[str, Any]) -> None:
    spec["stages"][0]["gates"][0]["window"] = "5m"


def relative(spec: dict[str, Any]) -> None:
    gate = spec["stages"][0]["gates"][0]
    del gate["bound"]
    gate["ratioToStable"] = "0.9"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_log, "set predictionLog, such as"),
        (in_a_canary, "only legal in a stage of type Shadow"),
        (with_a_window, "they take bound, and no window"),
        (relative, "they take bound, and no window"),
    ],
)
def test_gates_on_pairs_elsewhere_are_refused_with_the_remedy(kinds: Kinds, change: Any, says: str) -> None:
    document = copy.deepcopy(ROLLOUT)
    document["metadata"]["namespace"] = "default"
    change(document["spec"])
    answer = kinds.create(document, dry_run=True)
    assert answer.code == 422
    assert says in answer.message


@pytest.mark.parametrize("log", [S3, VOLUME], ids=["s3", "volume"])
def test_the_job_is_restricted_and_its_network_is_taken_as_written(
    control_plane: ControlPlane, log: PredictionLog
) -> None:
    control_plane.kubectl.apply(namespace("pairs"))
    run = PairingRun("pipelines:1", log, "r1", "r2", 3, NOON, NOON.replace(hour=13), True, PairedTask(positive="1"))
    job = pairing_job(ME, run)
    control_plane.kubectl.run("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(job))
    spec = job["spec"]["template"]["spec"]
    name = "s3" if log is S3 else "volume"
    metadata = {"name": name, "namespace": "pairs", "labels": job["metadata"]["labels"]}
    control_plane.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
    made = json.loads(control_plane.kubectl.run("get", "pod", name, "-n", "pairs", "-o", "json"))
    mounted = {each["mountPath"] for each in made["spec"]["containers"][0]["volumeMounts"]}
    assert not any("serviceaccount" in path for path in mounted), "no token is projected into it"
    assert all(each.get("readOnly") for each in spec["containers"][0]["volumeMounts"] if each["name"] != "tmp")
    wanted = pairs_policy(ME, log, Reachable(store_ports=(9000,)))
    control_plane.kubectl.apply(json.dumps(wanted))
    live = json.loads(control_plane.kubectl.run("get", "networkpolicy", "fraud-pairs", "-n", "pairs", "-o", "json"))
    assert policy_agrees(live, wanted)
