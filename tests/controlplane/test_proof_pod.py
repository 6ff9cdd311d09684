"""The Job that proves an image, as a real API server takes it: legal, and restricted by the server's own judgement."""

from __future__ import annotations

import json

import pytest
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.desired.inference_service import Served, predictor_template
from slipway.core.desired.names import Identity
from slipway.core.desired.proof_job import ProofRun, proof_job
from slipway.core.proof import demand_of, load_of

from tests.cluster.bare import ControlPlane
from tests.controlplane.namespaces import namespace

pytestmark = pytest.mark.controlplane
ME = Identity("proofs", "fraud", "4d9a1b1e-0000-4000-8000-000000000001")


def test_the_pod_of_a_proof_is_taken_in_a_namespace_of_level_restricted(control_plane: ControlPlane) -> None:
    control_plane.kubectl.apply(namespace("proofs"))
    resources = {"requests": {"cpu": "50m", "memory": "160Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    predictor = Predictor.model_validate({"resources": resources, "env": [{"name": "THREADS", "value": "2"}]})
    template = predictor_template(ME, Served("aaaa", "2", "registry/fraud@sha256:" + "a" * 64), predictor)
    load = load_of(demand_of(Latency.model_validate({"p99": "100ms", "concurrency": 8})))
    job = proof_job(ME, ProofRun("key", template, "registry/builder:1", 7200.0, load))
    control_plane.kubectl.apply(json.dumps(job))
    metadata = {"name": "proof", "namespace": "proofs", "labels": job["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": job["spec"]["template"]["spec"]}
    control_plane.kubectl.apply(json.dumps(pod))
    made = json.loads(control_plane.kubectl.run("get", "pod", "proof", "-n", "proofs", "-o", "json"))
    assert made["spec"]["initContainers"][0]["restartPolicy"] == "Always", "the server knows native sidecars"
    names = [volume["name"] for volume in made["spec"]["volumes"]]
    assert names == ["tmp", "proof"], "no token is projected into it"
