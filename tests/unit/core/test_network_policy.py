"""The NetworkPolicy of served pods: what it allows, when it is written, and that it is not written twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.core.desired.names import PROOF_LABEL, Identity
from slipway.core.desired.network_policy import Reachable, read_reachable, serving_policy
from slipway.core.plan import ObjectKey
from slipway.core.rollout.revision import revision_of

from tests.unit.core.api_server import remembered
from tests.unit.core.ledgers import chain, decisions
from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec

ME = Identity("ns", "fraud", "uid-1")
POLICY = ObjectKey("networking.k8s.io/v1", "NetworkPolicy", "ns", "fraud-serving")
STORE = {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "store"}}}], "ports": [{"port": 6379}]}
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
S3 = {"uri": "s3://lake/fraud/", "secretRef": {"name": "lake"}}


PLAIN = Reachable()


def rules(reachable: Reachable = PLAIN, **changes: Any) -> list[dict[str, Any]]:
    parsed = ModelRolloutSpec.model_validate(spec(**changes))
    made = serving_policy(ME, parsed.predictor.egress, parsed.prediction_log, reachable)
    found: list[dict[str, Any]] = made["spec"]["egress"]
    return found


def test_a_model_that_asks_for_nothing_reaches_name_servers_alone() -> None:
    assert rules() == [DNS]


def test_a_log_in_s3_opens_the_ports_of_stores_and_one_on_a_volume_none() -> None:
    assert rules(predictionLog=S3)[1:] == [{"ports": [{"protocol": "TCP", "port": 443}]}]
    assert rules(Reachable(store_ports=(9000,)), predictionLog=S3)[1]["ports"][0]["port"] == 9000
    assert rules(Reachable(store_ports=()), predictionLog=S3) == [DNS], "a rule without ports would open them all"
    volume = {"uri": "file:///fraud", "persistentVolumeClaim": {"claimName": "predictions"}}
    assert rules(predictionLog=volume) == [DNS]


def test_what_installation_and_rollout_name_is_added_as_the_api_server_gives_it_back() -> None:
    shared = read_reachable(json.dumps({"egress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]}))
    assert shared is not None
    assert rules(shared, predictor={"egress": [STORE]})[1:] == [
        {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]},
        {
            "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "store"}}}],
            "ports": [{"protocol": "TCP", "port": 6379}],
        },
    ]


def test_it_is_about_egress_of_served_pods_and_of_no_job() -> None:
    made = serving_policy(ME, (), None, Reachable())
    assert made["spec"]["policyTypes"] == ["Egress"]
    assert "ingress" not in made["spec"]
    expressions = {one["key"]: one["operator"] for one in made["spec"]["podSelector"]["matchExpressions"]}
    assert expressions == {"slipway.dev/revision": "Exists", "batch.kubernetes.io/job-name": "DoesNotExist"}
    assert PROOF_LABEL not in made["metadata"]["labels"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert "ownerReferences" not in serving_policy(replace(ME, owned=False), (), None, Reachable())["metadata"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": [{}]},
        {"to": [{"ipBlock": {"cidr": "10.1.0.0/99"}}]},
        {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}, "podSelector": {}}]},
        {"ports": [{"port": 0}]},
    ],
)
def test_a_rule_that_no_policy_could_hold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModelRolloutSpec.model_validate(spec(predictor={"egress": [wrong]}))
    with pytest.raises(ValueError):  # noqa: PT011
        read_reachable(json.dumps({"egress": [wrong]}))


def test_what_a_model_may_reach_is_no_part_of_its_revision() -> None:
    plain = ModelRolloutSpec.model_validate(spec())
    open_ = ModelRolloutSpec.model_validate(spec(predictor={"egress": [STORE]}))
    assert revision_of("d", "r@i", plain, "") == revision_of("d", "r@i", open_, "")


class Confining(Simulation):
    """An installation that makes policies."""

    settings = replace(Simulation.settings, serving_egress="{}")


@remembered
def confining(**changes: Any) -> Simulation:
    sim = Confining(spec(**changes), {"1": GOOD, "2": GOOD})
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def written(sim: Simulation) -> dict[str, Any]:
    found = sim.get(POLICY)
    assert found is not None
    return found


def test_it_is_there_before_the_first_pod_and_is_written_once() -> None:
    sim = Confining(spec(), {"1": GOOD, "2": GOOD})
    sim.run(60, lambda s: s.list("InferenceService", "ns", {}))
    version = written(sim)["metadata"]["resourceVersion"]
    pin(sim, "2").run(200, serves("2"))
    assert written(sim)["metadata"]["resourceVersion"] == version


def test_a_change_by_hand_is_undone_and_a_changed_spec_restarts_nothing() -> None:
    sim = confining()
    services = {one["metadata"]["name"] for one in sim.list("InferenceService", "ns", {})}
    sim.objects[POLICY]["spec"]["egress"].append({})
    sim.run(5, lambda s: written(s)["spec"]["egress"] == [DNS])
    sim.edit(KEY, lambda s: s.update(predictor={"egress": [STORE]}))
    sim.run(5, lambda s: len(written(s)["spec"]["egress"]) == 2)
    assert {one["metadata"]["name"] for one in sim.list("InferenceService", "ns", {})} == services


def test_an_installation_that_makes_none_deletes_what_it_made() -> None:
    sim = confining()
    sim.settings = Simulation.settings  # the chart's value is turned off
    sim.run(70, lambda s: s.get(POLICY) is None)  # no event tells of it: the next resync


def test_under_orphan_it_outlives_its_rollout_without_an_owner() -> None:
    sim = confining(deletionPolicy="Orphan")
    sim.delete(KEY)
    sim.run(60, lambda s: s.get(KEY) is None)
    assert not written(sim)["metadata"].get("ownerReferences")


def test_kills_between_any_two_writes_leave_policy_and_ledger_whole() -> None:
    sim = confining()
    sim.kill = lambda write: True
    pin(sim, "2").run(300, serves("2")).run(5)
    assert written(sim)["spec"]["egress"] == [DNS]
    assert decisions(sim)[-1] == ("Promoted", "promote")
    assert chain(sim).whole


def test_traffic_is_taken_from_a_bad_version_though_its_policy_cannot_be_written() -> None:
    sim = Confining(spec(), {"1": GOOD, "2": FAILING})
    sim.run(60, lambda s: s.status.get("phase") == "Serving")
    pin(sim, "2").run(300, in_stage("shadow"))
    sim.refused = POLICY.kind
    sim.objects[POLICY]["spec"]["egress"].append({})
    for _ in range(120):
        sim.tick()
        sim.reconcile()
    assert sim.status["history"][0]["outcome"] == "RolledBack"
    assert not any(rule.get("filters") for rule in sim.objects[ROUTE]["spec"]["rules"]), "no copies any more"
    sim.refused = ""
    sim.run(120, serves("1")).run(5)
    assert decisions(sim)[-1] == ("RolledBack", "shadow")
    assert chain(sim).whole
