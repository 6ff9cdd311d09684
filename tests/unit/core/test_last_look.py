"""What follows from the last look of an experiment: decided upon what it saw, and not upon a pod that restarts then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import commanded, last
from tests.unit.core.experiments import BETTER, EQUAL, experimenting, result, stage
from tests.unit.core.simulation import ROUTE, Simulation
from tests.unit.core.specs import in_stage, pin, serves
from tests.unit.core.test_rollout_kills import always
from tests.unit.core.traffic_model import Behaviour

pytestmark = pytest.mark.long


@remembered
def at_its_end(second: Behaviour, **changes: Any) -> Simulation:
    """An experiment of five minutes has some seconds left, its stage has lasted minDuration, and a pod is away."""
    sim = commanded(second, stages=[stage(200, atMost="5m", **changes)], predictor={"minReplicas": 2})
    pin(sim, "2").run(300, in_stage("ab")).run(190)
    unready(sim, 1)
    return sim.run(107)


def unready(sim: Simulation, pods: int) -> None:
    sim.unready[sim.variants()["candidate"]["inferenceService"]] = pods


@pytest.mark.parametrize("killed", [False, True])
def test_a_winner_whose_pod_restarts_at_the_last_look_wins_when_the_pod_is_back(killed: bool) -> None:
    sim = at_its_end(BETTER)
    sim.kill = always if killed else sim.kill
    sim.run(8)
    assert (result(sim)["verdict"], result(sim).get("outcome")) == ("Superior", None)
    assert "the candidate is not ready: 1 of 2 replicas" in sim.status["stage"]["message"]
    seen = result(sim)["endedAt"]
    unready(sim, 0)
    sim.run(60, serves("2"))
    assert (last(sim)["abTest"]["outcome"], last(sim)["abTest"]["endedAt"]) == ("Advance", seen)


def test_a_winner_stays_one_though_evidence_begins_anew_while_it_waits() -> None:
    sim = at_its_end(BETTER)
    sim.run(8)
    sim.edit(ROUTE, lambda s: s["rules"].reverse())
    sim.run(3)
    unready(sim, 0)
    sim.run(14)
    assert result(sim)["verdict"] == "Superior"


def test_the_wait_ends() -> None:
    sim = at_its_end(BETTER)
    sim.run(28)
    assert sim.status["stage"]["name"] == "ab"
    sim.run(60, lambda s: len(s.status["history"]) > 1)
    assert (last(sim)["outcome"], last(sim)["abTest"]["outcome"]) == ("Inconclusive", "KeepStable")
    assert "1 of 2 replicas are ready" in last(sim)["message"]


def test_what_may_be_promoted_though_undecided_waits_as_well_and_what_goes_back_does_not() -> None:
    sim = at_its_end(EQUAL, ifInconclusive="Promote")
    sim.run(8)
    assert (result(sim)["verdict"], result(sim).get("outcome")) == ("Inconclusive", None)
    unready(sim, 0)
    sim.run(60, serves("2"))
    assert last(sim)["abTest"]["outcome"] == "Promote"
    back = at_its_end(EQUAL)
    back.run(8)
    assert last(back)["outcome"] == "Inconclusive"


def test_a_winner_with_all_its_planned_looks_waits_for_its_time() -> None:
    sim = experimenting(
        BETTER, seconds=240, atMost="5m", method="GroupSequential", groupSequential={"looks": 2}, power="0.5"
    )
    pin(sim, "2").run(300, in_stage("ab")).run(5)
    sim.run(200, lambda s: "endedAt" in result(s))
    assert (result(sim)["verdict"], result(sim).get("outcome")) == ("Superior", None)
    sim.run(300, serves("2"))
    assert last(sim)["abTest"]["outcome"] == "Advance"
