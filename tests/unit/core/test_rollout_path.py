"""The main path, on the simulated cluster: build, shadow, canary, promotion; and the way back."""

from __future__ import annotations

import pytest

from tests.unit.core.simulation import ROUTE
from tests.unit.core.specs import FAILING, GOOD, NEVER_POSITIVE, NEVER_READY, SLOW, in_stage, pin, serves, serving
from tests.unit.core.traffic_model import Behaviour, arms


def test_the_first_revision_serves_when_it_is_ready_and_warm() -> None:
    sim = serving()
    assert sim.variants()["stable"]["version"] == "1"
    assert sim.condition("Ready")[0] == "True"
    assert sim.client_errors == []


def test_a_good_version_passes_every_stage_in_order_and_is_promoted() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    stages = [name for _, _, name, _ in sim.trace]
    assert [s for s in dict.fromkeys(stages) if s] == [
        "build", "prove", "start", "promote", "shadow", "canary-10", "canary-50",
    ]  # fmt: skip
    assert sim.variants()["previous"]["version"] == "1"
    assert sim.status["history"][0]["outcome"] == "Promoted"
    assert sim.client_errors == []


@pytest.mark.parametrize(
    ("bad", "stage", "gate"),
    [
        (FAILING, "shadow", "errors"),
        (SLOW, "shadow", "p95"),
        (NEVER_POSITIVE, "canary-10", "positives"),
    ],
    ids=["errors", "slow", "never positive"],
)
def test_a_bad_version_is_caught_and_its_traffic_returns(bad: Behaviour, stage: str, gate: str) -> None:
    sim = pin(serving(bad), "2").run(300, in_stage("rollback"))
    history = sim.status["history"][0]
    assert (history["outcome"], history["stage"], history["reason"]) == ("RolledBack", stage, "GateBreached")
    assert {g["name"]: g["verdict"] for g in history["gates"]}[gate] == "Breach"
    sim.run(2)
    assert {service for service, *_ in arms(sim.objects[ROUTE]["spec"])} == {
        sim.variants()["stable"]["inferenceService"] + "-predictor"
    }
    sim.run(60, serves("1"))
    sim.run(30)
    assert len(list(sim.services())) == 1
    assert sim.condition("Stalled")[:2] == ("True", "Rejected")
    assert sim.client_errors == []


def test_a_service_that_does_not_become_ready_fails_at_the_deadline_without_traffic() -> None:
    sim = pin(serving(NEVER_READY), "2").run(300, in_stage("rollback"))
    assert sim.status["history"][0]["outcome"] == "Failed"
    assert sim.status["history"][0]["reason"] == "NotReady"
    assert sim.run(60, serves("1")).client_errors == []


def test_steady_state_writes_nothing() -> None:
    sim = pin(serving(GOOD), "2").run(300, serves("2"))
    sim.run(30)
    before = sim.writes
    sim.run(120)
    assert sim.writes == before, sim.operator_writes[before:]
