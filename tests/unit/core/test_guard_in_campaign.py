"""A promoted version stays guarded while the next one is rolled out, for as long as the one before it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.ledgers import decisions
from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, NEVER_READY, in_stage, pin, serves, spec
from tests.unit.core.traffic_model import Behaviour, arms

TEMPLATE = ObjectKey("slipway.dev/v1alpha1", "MetricTemplate", "", "depth")
HALF = Behaviour(errors=0.5)


def slow() -> list[dict[str, Any]]:
    """Stages that last until a test lets them pass."""
    return [{**each, "minDuration": "1h"} for each in spec()["stages"][1:]]


@remembered
def guarded(stage: str, **changes: Any) -> Simulation:
    """Version 2 was promoted, version 1 is kept, and version 3 is on its way."""
    sim = Simulation(spec(**changes), {"1": GOOD, "2": GOOD, "3": GOOD})
    sim.run(60, serves("1"))
    pin(sim, "2").run(300, serves("2")).run(3)
    sim.edit(KEY, lambda s: s.update(stages=slow(), progressDeadline="1h"))
    sim.registry_up, sim.node_up = stage != "build", stage != "prove"
    sim.versions["3"] = NEVER_READY if stage == "start" else GOOD
    pin(sim, "3").run(300, in_stage(stage))
    assert sim.variants()["previous"]["version"] == "1"
    return sim.run(1)


def ends(sim: Simulation) -> list[tuple[str, str, str]]:
    return [(each["version"], each["outcome"], each["reason"]) for each in sim.status["history"]]


def served(sim: Simulation) -> set[str]:
    """Versions that the route names."""
    versions = {v["inferenceService"] + "-predictor": v["version"] for v in sim.variants().values()}
    return {versions[service] for service, *_ in arms(sim.objects[ROUTE]["spec"])}


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "prove", "start", "canary-10"])
def test_a_promoted_version_that_goes_bad_goes_back_in_every_stage_of_the_next_one(stage: str) -> None:
    sim = guarded(stage)
    sim.versions["2"] = HALF
    sim.run(120, lambda s: s.variants()["stable"]["version"] == "1").run(2)
    assert ends(sim)[:2] == [("2", "RolledBack", "GateBreached"), ("3", "Superseded", "StableRolledBack")]
    assert [each["stage"] for each in sim.status["history"][:2]] == ["promoted", stage]
    assert {g["name"]: g["verdict"] for g in sim.status["history"][0]["gates"]}["errors"] == "Breach"
    assert served(sim) == {"1"}
    assert {v["version"]: v.get("weight") for v in sim.variants().values()} == {"1": "100%", "2": "0%"}
    assert sim.client_errors == []


@pytest.mark.long
def test_what_was_compared_with_a_bad_version_is_tried_again() -> None:
    sim = guarded("canary-10")
    sim.versions["2"] = HALF
    sim.run(120, lambda s: s.variants()["stable"]["version"] == "1")
    sim.run(300, in_stage("canary-10"))
    assert sim.variants()["candidate"]["version"] == "3"
    sim.run(60)
    assert "retiring" not in sim.status
    assert len(list(sim.services())) == 2
    assert sim.client_errors == []


def test_while_a_candidate_is_on_its_way_out_the_promoted_version_is_guarded_as_well() -> None:
    sim = guarded("canary-10", rollback={"scaleDownDelay": "30m"})
    sim.versions["3"] = FAILING
    sim.run(120, in_stage("rollback"))
    sim.versions["2"] = HALF
    sim.run(120, lambda s: s.variants()["stable"]["version"] == "1").run(2)
    assert ends(sim)[:2] == [("2", "RolledBack", "GateBreached"), ("3", "RolledBack", "GateBreached")]
    assert served(sim) == {"1"}
    assert sim.client_errors == []


@pytest.mark.long
def test_a_breach_that_a_person_decides_upon_is_said_once_and_outlives_the_campaign() -> None:
    sim = guarded("canary-10", onBreach="Hold")
    sim.versions["2"] = HALF
    sim.run(120, lambda s: s.condition("Stalled")[1] == "Breached")
    sim.run(60)
    assert sim.variants()["candidate"]["version"] == "3"
    assert [kind for kind, _ in decisions(sim)].count("Breached") == 1
    pin(sim, "2").run(120, serves("2"))
    assert sim.condition("Stalled")[1] == "Breached"


@pytest.mark.long
def test_a_good_version_is_promoted_over_a_good_one_and_leaves_no_verdicts_behind() -> None:
    sim = guarded("canary-10")
    assert {g["verdict"] for g in sim.run(60).status["stableGates"]} == {"Pass"}
    sim.edit(KEY, lambda s: s.update(stages=spec()["stages"]))
    sim.run(300, serves("3"))
    assert "stableGates" not in sim.status
    assert ends(sim)[0][:2] == ("3", "Promoted")
    assert sim.client_errors == []


@pytest.mark.long
def test_a_number_that_only_the_candidate_lacks_sends_only_the_candidate_back() -> None:
    depth = {"name": "depth", "template": {"name": "depth"}, "op": "<=", "bound": "100", "window": "10s"}
    unknown = {**depth, "onUnknown": {"after": "1m", "action": "Rollback"}}
    sim = Simulation(spec(gates=[unknown]), {"1": GOOD, "2": GOOD, "3": GOOD})
    sim.put(TEMPLATE, spec={"value": "max by (revision)(depth{{selector}})"})
    sim.prometheus.numbers = {"1": 5.0, "2": 5.0}
    sim.run(60, serves("1"))
    pin(sim, "2").run(400, serves("2")).run(3)
    pin(sim, "3").run(300, in_stage("rollback")).run(60)
    assert ends(sim)[0] == ("3", "RolledBack", "GateUnknown")
    assert sim.variants()["stable"]["version"] == "2"
    assert {g["name"]: g["verdict"] for g in sim.status["gates"]}["depth"] == "Pass"
