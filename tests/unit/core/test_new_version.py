"""onNewVersion: what a version does that appears while another one is being rolled out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import Commanded, commanded, last, patient
from tests.unit.core.simulation import KEY
from tests.unit.core.specs import FAILING, in_stage, serves


@remembered
def following(policy: str, **changes: Any) -> Commanded:
    """A rollout that follows an alias; version 2 is in shadow."""
    model = {"type": "MLflow", "mlflow": {"name": "fraud", "alias": "candidate"}, "onNewVersion": policy}
    sim = commanded(**changes)
    sim.alias = "1"
    sim.edit(KEY, lambda s: s.update(model=model))
    sim.run(3)
    sim.alias = "2"
    sim.run(120, in_stage("shadow"))
    return sim


def outcomes(sim: Commanded) -> list[tuple[str, str]]:
    """Oldest first, the first revision left out."""
    return [(each["version"], each["outcome"]) for each in reversed(sim.status["history"])][1:]


@pytest.mark.long
def test_queue_lets_the_running_one_end_and_takes_the_latest() -> None:
    sim = following("Queue")
    sim.alias = "3"
    sim.run(20, lambda s: s.status.get("queued", {}).get("version") == "3")
    sim.alias = "4"
    sim.run(600, serves("4"))
    assert outcomes(sim) == [("2", "Promoted"), ("4", "Promoted")]


@pytest.mark.long
def test_a_weekly_version_does_not_starve_a_rollout_of_a_month() -> None:
    sim = following("Queue", stages=patient()[:1])
    sim.run(3000)
    sim.alias = "3"
    sim.run(1200, lambda s: ("2", "Promoted") in outcomes(s))
    sim.run(60, lambda s: s.variants().get("candidate", {}).get("version") == "3")


def test_supersede_replaces_the_running_one_without_blame() -> None:
    sim = following("Supersede", stages=patient())
    sim.alias = "3"
    sim.run(120, lambda s: s.variants().get("candidate", {}).get("version") == "3")
    assert outcomes(sim) == [("2", "Superseded")]
    assert sim.status.get("rejected", []) == []
    assert sim.client_errors == []


@pytest.mark.long
def test_supersede_waits_for_a_version_that_may_begin() -> None:
    sim = following("Supersede")
    sim.evaluation = "failed"
    sim.alias = "3"
    sim.run(300, serves("2"))
    assert outcomes(sim) == [("2", "Promoted")]


@pytest.mark.long
def test_ignore_leaves_it_alone_also_afterwards_until_somebody_asks() -> None:
    sim = following("Ignore")
    sim.alias = "3"
    sim.run(300, serves("2")).run(120)
    assert outcomes(sim) == [("2", "Promoted")]
    assert sim.condition("Progressing")[1] == "Ignored"
    sim.ask("Retry", reason="we want it after all")
    sim.run(300, serves("3"))
    sim.alias = "4"
    sim.run(300, serves("4"))


@pytest.mark.long
def test_an_emergency_overtakes_a_queued_refresh() -> None:
    sim = following("Queue")
    sim.causes = {"3": "Emergency", "4": "Refresh"}
    sim.alias = "3"
    sim.run(20, lambda s: s.status.get("queued", {}).get("version") == "3")
    sim.alias = "4"
    sim.run(20)
    assert sim.status["queued"]["version"] == "3"
    sim.run(900, serves("4"))
    assert outcomes(sim) == [("2", "Promoted"), ("3", "Promoted"), ("4", "Promoted")]


@pytest.mark.long
def test_an_emergency_keeps_its_place_when_the_running_one_is_rolled_back() -> None:
    sim = following("Queue")
    sim.causes = {"3": "Emergency"}
    sim.alias = "3"
    sim.run(20, lambda s: s.status.get("queued", {}).get("version") == "3")
    sim.alias = "4"
    sim.versions["2"] = FAILING
    sim.run(300, in_stage("rollback"))
    assert last(sim)["reason"] == "GateBreached"
    sim.run(600, serves("4"))
    assert outcomes(sim) == [("2", "RolledBack"), ("3", "Promoted"), ("4", "Promoted")]
