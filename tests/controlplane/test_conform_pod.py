"""The pod in which `slipway conform` tries an image, and the policy of served pods, as a real API server takes them."""

from __future__ import annotations

import json

import pytest
from slipway.api.v1alpha1.egress import EgressRule
from slipway.cli.conform_cluster import KubernetesPods
from slipway.cli.conform_pod import CannotRun, Order, pod
from slipway.core.agreement import policy_agrees
from slipway.core.desired.names import Identity
from slipway.core.desired.network_policy import Reachable, serving_policy

from tests.cluster.bare import ControlPlane
from tests.controlplane.namespaces import namespace

pytestmark = pytest.mark.controlplane
ORDER = Order("registry/fraud:1", "trials", "fraud", "registry/builder:1", log=True, parts=("serve", "judge", "log"))


@pytest.fixture(scope="module")
def trials(control_plane: ControlPlane) -> ControlPlane:
    control_plane.kubectl.apply(namespace("trials"))
    return control_plane


def test_the_pod_is_taken_in_a_namespace_of_level_restricted_and_deleted(
    trials: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(trials.kubeconfig))
    pods = KubernetesPods(None, "trials")
    pods.create(pod("conform-1", ORDER))
    made = pods.read("conform-1")
    assert made["spec"]["initContainers"][0]["restartPolicy"] == "Always", "the server knows native sidecars"
    assert made["spec"]["shareProcessNamespace"] is True
    assert all("emptyDir" in volume for volume in made["spec"]["volumes"]), "no token is projected into it"
    with pytest.raises(CannotRun, match="no Slipway with a builder's image"):
        pods.prober()
    pods.delete("conform-1")
    pods.delete("conform-1")
    with pytest.raises(CannotRun, match="404"):
        pods.read("conform-1")


def test_a_policy_comes_back_as_it_was_written_so_that_it_is_written_once(trials: ControlPlane) -> None:
    rules = [
        EgressRule.model_validate(each)
        for each in (
            {},
            {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 6379}]},
            {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "store"}}}]},
        )
    ]
    identity = Identity("trials", "fraud", "4d9a1b1e-0000-4000-8000-000000000001")
    wanted = serving_policy(identity, rules, None, Reachable())
    trials.kubectl.apply(json.dumps(wanted))
    live = json.loads(trials.kubectl.run("get", "networkpolicy", "fraud-serving", "-n", "trials", "-o", "json"))
    assert policy_agrees(live, wanted), live["spec"]
    narrower = serving_policy(identity, rules[1:], None, Reachable())
    assert not policy_agrees(live, narrower)
