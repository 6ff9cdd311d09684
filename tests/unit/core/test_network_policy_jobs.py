"""The NetworkPolicies of Jobs with a model in them: a proof reaches nothing, scoring its stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.core.agreement import policy_agrees
from slipway.core.desired.names import Identity
from slipway.core.desired.network_policy import Reachable, policy_names, proof_policy, scoring_policy
from slipway.core.plan import ObjectKey

from tests.unit.core.batch_world import BatchWorld, task
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import GOOD, spec

ME = Identity("ns", "fraud", "uid-1")
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def policy(whose: str) -> ObjectKey:
    return ObjectKey("networking.k8s.io/v1", "NetworkPolicy", "ns", f"fraud-{whose}")


def ports(input_uri: str, output_uri: str, reachable: Reachable = Reachable()) -> list[int]:  # noqa: B008
    """What the stores of a batch open."""
    asked = task(input={"uri": input_uri}, output={"uri": output_uri})
    batch = ModelTaskSpec.model_validate(asked).serving.batch
    assert batch is not None
    first, *others = scoring_policy(ME, (), batch, reachable)["spec"]["egress"]
    assert first == DNS
    return [port["port"] for rule in others for port in rule["ports"]]


@pytest.mark.parametrize(
    ("input_uri", "opened"),
    [
        ("s3://lake/rows/", [443]),
        ("http://files/rows.parquet", [80]),
        ("https://files/rows.parquet", [443]),
        ("https://files:8443/rows.parquet", [8443]),
        ("https://files:99999/rows.parquet", []),
        ("file:///data/rows/", []),
    ],
)
def test_scoring_reaches_the_stores_of_both_sides(input_uri: str, opened: list[int]) -> None:
    assert ports(input_uri, "file:///data/scores") == opened
    assert ports(input_uri, "s3://lake/scores/", Reachable(store_ports=(9000,)))[-1] >= 443
    assert ports("file:///data/rows/", "s3://lake/scores/", Reachable(store_ports=())) == []


def test_a_proof_reaches_nothing_and_nothing_reaches_it() -> None:
    made = proof_policy(replace(ME, owned=False))
    assert made["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & made["spec"].keys(), "nothing is allowed"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-1", "its Jobs go with the rollout as well"
    for opened in ({"egress": [{}]}, {"ingress": [{}]}):
        assert not policy_agrees({**made, "spec": {**made["spec"], **opened}}, made)


class Confining(Simulation):
    """An installation that makes policies."""

    settings = replace(Simulation.settings, serving_egress="{}")


class ConfiningBatch(BatchWorld):
    """The same for batches."""

    settings = replace(Simulation.settings, serving_egress="{}")


def jobs_without(world: Simulation, label: str, wanted: str) -> bool:
    """Whether a Job with the label stands while its policy does not."""
    live = [obj for key, obj in world.objects.items() if key.kind == "Job"]
    return any(label in (job["metadata"].get("labels") or {}) for job in live) and policy(wanted) not in world.objects


@pytest.mark.parametrize("world", [Confining(spec(), {"1": GOOD}), ConfiningBatch()], ids=["Inline", "Batch"])
def test_policies_stand_before_the_jobs_that_they_are_about(world: Simulation) -> None:
    def early(_: Any) -> bool:
        assert not jobs_without(world, "slipway.dev/proof", "proof")
        assert not jobs_without(world, "slipway.dev/scoring", "scoring")
        return world.status.get("phase") in ("Serving", "Scoring")

    world.run(90, early)
    made = {key.name for key in world.objects if key.kind == "NetworkPolicy"}
    assert made == {"fraud-proof", "fraud-scoring" if isinstance(world, BatchWorld) else "fraud-serving"}
    assert made <= set(policy_names("fraud"))


def test_an_installation_that_makes_none_deletes_all_that_it_made() -> None:
    world = ConfiningBatch()
    world.run(90, lambda w: w.status.get("phase") == "Scoring")
    world.settings = Simulation.settings
    world.run(70, lambda w: not [key for key in w.objects if key.kind == "NetworkPolicy"])


def test_egress_of_the_predictor_opens_scoring_and_no_proof() -> None:
    world = ConfiningBatch()
    world.run(90, lambda w: w.status.get("phase") == "Scoring")
    rule = {"ports": [{"port": 6379}]}
    world.edit(KEY, lambda old: old["predictor"].update(egress=[rule]))
    opened = {"ports": [{"protocol": "TCP", "port": 6379}]}
    world.run(5, lambda w: opened in w.objects[policy("scoring")]["spec"]["egress"])
    assert "egress" not in world.objects[policy("proof")]["spec"]
