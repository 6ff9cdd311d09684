"""After promotion: while the previous variant is kept, gates are enforced, and what nobody measures is no success."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import FAILING, in_stage, pin, serves, serving, spec

BACK = {"onUnknown": {"after": "2m", "action": "Rollback"}}


def promoted(**changes: Any) -> Simulation:
    """Version 2 was promoted, version 1 is kept for five minutes, and Prometheus is away."""
    sim = pin(serving(**changes), "2").run(300, serves("2")).run(20)
    sim.prometheus_up = False
    return sim


def gates(**changes: Any) -> list[dict[str, Any]]:
    return [{**gate, **changes} for gate in spec()["gates"]]


def test_prometheus_away_is_told_and_ends_with_prometheus() -> None:
    sim = promoted().run(30)
    assert sim.condition("EvidenceAvailable")[:2] == ("False", "PrometheusUnavailable")
    assert {gate["verdict"] for gate in sim.status["gates"]} == {"Unknown"}
    assert sim.condition("Ready")[0] == "True"
    before = sim.writes
    assert sim.run(60).writes == before, "and it is told once"
    sim.prometheus_up = True
    sim.run(30)
    assert sim.condition("EvidenceAvailable")[0] == ""
    assert "Unknown" not in {gate["verdict"] for gate in sim.status["gates"]}


@pytest.mark.long
def test_the_previous_version_stays_until_somebody_can_say_whether_it_is_needed() -> None:
    sim = promoted().run(600)
    assert "previous" in sim.variants(), "its five minutes are over, and nobody has looked at them"
    sim.versions["2"] = FAILING
    sim.prometheus_up = True
    sim.run(60, in_stage("rollback"))
    assert sim.status["history"][0]["reason"] == "GateBreached"
    assert sim.run(100, serves("1")).client_errors == []


@pytest.mark.long
def test_the_previous_version_goes_as_soon_as_the_gates_can_be_asked() -> None:
    sim = promoted().run(600)
    sim.prometheus_up = True
    assert "previous" not in sim.run(30).variants()


@pytest.mark.long
def test_a_prometheus_that_scrapes_nothing_is_as_blind_as_one_that_is_away() -> None:
    sim = promoted()
    sim.prometheus_up, sim.prometheus.scraping = True, False
    sim.run(400)
    assert sim.condition("EvidenceAvailable")[:2] == ("False", "NotScraped")
    assert "previous" in sim.variants()


@pytest.mark.long
def test_nothing_is_kept_for_longer_than_at_most() -> None:
    keep = {"keepPrevious": {"atLeast": "5m", "atMost": "8m"}}
    sim = promoted(promotion=keep).run(400)
    assert "previous" in sim.variants()
    assert "previous" not in sim.run(120).variants()


@pytest.mark.long
def test_gates_that_are_not_enforced_keep_nothing() -> None:
    sim = promoted(gates=gates(enforcement="DryRun")).run(400)
    assert "previous" not in sim.variants()


@pytest.mark.long
def test_who_asks_for_the_way_back_when_a_gate_is_unknown_gets_it_after_promotion_too() -> None:
    sim = promoted(gates=gates(**BACK)).run(100)
    assert serves("2")(sim)
    sim.run(60, in_stage("rollback"))
    assert sim.status["history"][0]["reason"] == "GateUnknown"
    assert sim.run(100, serves("1")).client_errors == []
