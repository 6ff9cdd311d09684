"""What people do to a rollout by its spec alone, without a RolloutRequest (docs/commands.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, serving, spec
from tests.unit.core.traffic_model import arms

APPROVAL = {"type": "Approval", "approval": {"groups": ["risk"]}}


def receivers(sim: Simulation) -> set[str]:
    """Versions that live requests or copies of them are sent to."""
    versions = {v["inferenceService"]: v["version"] for v in sim.variants().values()}
    named = {service for service, share, *_ in arms(sim.objects[ROUTE]["spec"]) if share > 0}
    return {versions[service.removesuffix("-predictor")] for service in named}


def stages_of(sim: Simulation, change: Any) -> Simulation:
    """Edits spec.stages in place."""
    sim.edit(KEY, lambda s: change(s["stages"]))
    return sim


def running(sim: Simulation) -> str:
    return str((sim.status.get("stage") or {}).get("name", ""))


def demand(minutes: int) -> Any:
    """A change after which every stage asks for more than the test waits."""

    def change(stages: list[dict[str, Any]]) -> None:
        for stage in stages:
            stage["minDuration"] = f"{minutes}m"

    return change


def hurry(stages: list[dict[str, Any]]) -> None:
    """Asks of every stage as little as the schema allows."""
    for stage in stages:
        stage["minDuration"] = "0s"
        stage.update({name: 1 for name in ("minSamples", "minExposures") if name in stage})


@pytest.mark.long
@pytest.mark.parametrize("stage", ["shadow", "canary-10"])
def test_abort_by_pinning_the_version_that_stable_serves(stage: str) -> None:
    sim = pin(serving(), "2").run(300, in_stage(stage))
    pin(sim, "1").run(3)
    assert receivers(sim) == {"1"}
    assert sim.run(60, serves("1")).client_errors == []


def test_abort_before_a_first_stable_by_paused_or_by_deletion() -> None:
    sim = Simulation(spec(paused=False), {"1": GOOD}).run(30, in_stage("start"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(60)
    assert (sim.carried, running(sim)) == (None, "start")
    sim.delete(KEY)
    sim.run(30)
    assert KEY not in sim.objects
    assert list(sim.services()) == []


@pytest.mark.long
def test_rollback_by_pinning_the_kept_previous_version() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    assert sim.variants()["previous"]["version"] == "1"
    assert receivers(pin(sim, "1").run(3)) == {"1"}
    pin(sim, "2").run(10, serves("2"))
    pin(sim, "3").run(300, in_stage("canary-10"))
    pin(sim, "1").run(3)
    assert receivers(sim) == {"2"}, "the candidate has lost its traffic"
    assert receivers(sim.run(60, serves("1")).run(3)) == {"1"}
    assert sim.client_errors == []


@pytest.mark.long
def test_hold_and_resume_by_paused() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(120)
    assert running(sim) == "canary-10"
    assert receivers(sim) == {"1", "2"}
    sim.edit(KEY, lambda s: s.update(paused=False))
    sim.run(300, serves("2"))


@pytest.mark.long
def test_advance_by_asking_less_of_the_stage_or_by_taking_it_out() -> None:
    sim = stages_of(serving(), demand(60))
    pin(sim, "2").run(60, in_stage("shadow")).run(120)
    assert running(sim) == "shadow"
    stages_of(sim, lambda stages: hurry(stages[:1])).run(30, in_stage("canary-10")).run(60)
    stages_of(sim, lambda stages: stages.pop(1)).run(10, in_stage("canary-50")).run(60)
    stages_of(stages_of(sim, demand(60)), lambda stages: stages.pop(1)).run(60)
    assert running(sim) == "shadow", "taking the last one out promotes nobody: the one before it begins anew"
    assert sim.client_errors == []


@pytest.mark.long
def test_promote_by_asking_less_of_all_stages_while_gates_stay_enforced() -> None:
    sim = stages_of(serving(), demand(60))
    pin(sim, "2").run(60, in_stage("shadow")).run(60)
    stages_of(sim, hurry).run(300, serves("2"))
    bad = stages_of(serving(FAILING), hurry)
    pin(bad, "2").run(300, in_stage("rollback"))
    assert bad.status["history"][0]["reason"] == "GateBreached"


@pytest.mark.long
def test_retry_by_other_gates_or_by_pinning_away_and_back() -> None:
    sim = pin(serving(FAILING), "2").run(300, serves("1")).run(60)
    assert sim.condition("Stalled")[1] == "Rejected"
    sim.edit(KEY, lambda s: s["gates"][0].update(bound="6%"))
    sim.run(60, in_stage("shadow")).run(300, serves("1")).run(30)
    assert sim.condition("Stalled")[1] == "Rejected"
    sim.versions["2"] = GOOD
    pin(sim, "1").run(5)
    pin(sim, "2").run(300, serves("2"))


@pytest.mark.long
@pytest.mark.parametrize(("place", "then"), [(1, "canary-10"), (3, "canary-50")])
def test_approve_by_taking_the_stage_out(place: int, then: str) -> None:
    sim = stages_of(serving(), lambda stages: stages.insert(place, {"name": "sign-off", **APPROVAL}))
    pin(sim, "2").run(300, in_stage("sign-off")).run(60)
    stages_of(sim, lambda stages: stages.pop(place)).run(10, in_stage(then)).run(300, serves("2"))
    assert sim.client_errors == []
