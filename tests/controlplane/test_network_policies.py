"""NetworkPolicies of a rollout as a real API server takes them: legal, and given back as they were asked for."""

from __future__ import annotations

import json

import pytest
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.task_serving import Batch
from slipway.core.agreement import policy_agrees
from slipway.core.desired.names import Identity
from slipway.core.desired.network_policy import Reachable, network_policies

from tests.cluster.bare import ControlPlane
from tests.controlplane.namespaces import namespace

pytestmark = pytest.mark.controlplane
ME = Identity("policies", "fraud", "4d9a1b1e-0000-4000-8000-000000000001")
BATCH = Batch.model_validate({"input": {"uri": "https://files:8443/rows"}, "output": {"uri": "s3://lake/scores"}})
EGRESS = [
    {
        "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "store"}}}],
        "ports": [{"port": 6379}],
    },
    {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]},
]


def test_each_is_taken_and_agrees_with_itself(control_plane: ControlPlane) -> None:
    control_plane.kubectl.apply(namespace("policies"))
    predictor = Predictor.model_validate({"egress": EGRESS})
    for batch, whose in ((None, "serving"), (BATCH, "scoring")):
        made = network_policies(ME, predictor.egress, None, batch, Reachable())
        assert {wanted["metadata"]["name"] for wanted in made} == {"fraud-proof", f"fraud-{whose}"}
        for wanted in made:
            control_plane.kubectl.apply(json.dumps(wanted))
            name = wanted["metadata"]["name"]
            got = control_plane.kubectl.run("get", "networkpolicy", name, "-n", "policies", "-o", "json")
            live = json.loads(got)
            assert policy_agrees(live, wanted), f"{name} would be applied again at every look: {live['spec']}"
            opened = {**live, "spec": {**live["spec"], "ingress": [{}]}}
            assert not policy_agrees(opened, wanted)
