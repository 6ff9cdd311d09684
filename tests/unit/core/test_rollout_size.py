"""How many replicas each variant has while the spec changes its mind: the way back is as wide as it was."""

from __future__ import annotations

import pytest

from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, replaced, serves, service, serving
from tests.unit.core.traffic_model import Behaviour

THREE = {"minReplicas": 3}


def asked(sim: Simulation, name: str) -> int:
    """Replicas that the InferenceService of a variant asks for."""
    return int(sim.objects[service(sim, name)]["spec"]["predictor"]["minReplicas"])


def resize(sim: Simulation, replicas: int) -> Simulation:
    sim.edit(KEY, lambda s: s.update(predictor={"minReplicas": replicas}))
    return sim


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "prove", "start", "shadow", "canary-10", "promote", "rollback"])
def test_stable_keeps_its_size_in_every_stage_and_takes_the_smaller_one_at_the_end(stage: str) -> None:
    bad = stage == "rollback"
    sim = pin(serving(FAILING if bad else GOOD, predictor=THREE), "2").run(300, in_stage(stage))
    stable = service(sim, "stable")
    resize(sim, 1).settle()
    if not serves("2")(sim):
        assert asked(sim, "stable") == 3
        assert sim.variants()["stable"]["replicas"] == 3
    sim.run(300, serves("1" if bad else "2")).settle()
    assert sim.objects[stable]["spec"]["predictor"]["minReplicas"] == 1
    assert asked(sim, "stable") == 1
    assert sim.client_errors == []


def test_a_size_lowered_by_the_commit_that_asks_for_a_version_waits_for_the_end_as_well() -> None:
    sim = serving(predictor=THREE)
    sim.mlflow_up = False
    pin(resize(sim, 1), "2").run(30)
    assert asked(sim, "stable") == 3, "whether a rollout begins is not known yet"
    sim.mlflow_up = True
    sim.run(300, in_stage("canary-10"))
    assert (asked(sim, "stable"), asked(sim, "candidate")) == (3, 1)


@pytest.mark.long
def test_a_raised_size_is_followed_at_once() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    resize(sim, 2).settle()
    assert (asked(sim, "stable"), asked(sim, "candidate")) == (2, 2)
    sim.run(300, serves("2"))


@pytest.mark.long
def test_without_a_rollout_the_size_follows_the_spec() -> None:
    sim = serving(predictor=THREE)
    resize(sim, 1).settle()
    assert asked(sim, "stable") == 1


@pytest.mark.long
def test_who_takes_the_place_of_stable_in_a_rollout_is_as_large() -> None:
    sim = pin(serving(predictor=THREE), "2").run(300, in_stage("canary-10"))
    sim.delete(service(resize(sim, 1), "stable"))
    sim.run(100, replaced)
    assert asked(sim, "stable") == 3


@pytest.mark.long
@pytest.mark.parametrize("second", [GOOD, FAILING], ids=["good", "failing"])
def test_a_smaller_size_never_costs_a_request(second: Behaviour) -> None:
    sim = pin(resize(serving(second, predictor=THREE), 1), "2").run(300, serves("1" if second is FAILING else "2"))
    assert sim.client_errors == []
