"""A refused RolloutRequest names what works in its place. Each sentence is done here, on the simulated cluster."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.api.support import inactive_fields

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, serving, spec
from tests.unit.core.traffic_model import arms

APPROVAL = {"type": "Approval", "approval": {"groups": ["risk"]}}


def instead(action: str) -> str:
    """The sentence under test."""
    return inactive_fields("RolloutRequest", {"action": action})[0].note


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


@pytest.mark.parametrize("stage", ["shadow", "canary-10"])
def test_abort_by_pinning_the_version_that_stable_serves(stage: str) -> None:
    assert "set spec.model.mlflow.version of the ModelRollout to the version that stable serves" in instead("Abort")
    sim = pin(serving(), "2").run(300, in_stage(stage))
    pin(sim, "1").run(3)
    assert receivers(sim) == {"1"}
    assert sim.run(60, serves("1")).client_errors == []


def test_abort_of_a_changed_predictor_by_a_stage_that_holds_without_traffic() -> None:
    assert "give the running stage type: Approval, which holds without traffic" in instead("Abort")
    sim = serving()
    sim.edit(KEY, lambda s: s.update(predictor={"env": [{"name": "THREADS", "value": "2"}]}))
    sim.run(300, in_stage("canary-10"))
    stable = sim.variants()["stable"]["inferenceService"]
    stages_of(sim, lambda stages: stages.__setitem__(1, {"name": "canary-10", **APPROVAL})).run(60)
    assert {service for service, share, *_ in arms(sim.objects[ROUTE]["spec"]) if share > 0} == {f"{stable}-predictor"}
    assert (running(sim), sim.client_errors) == ("canary-10", [])


def test_abort_before_a_first_stable_by_paused_or_by_deletion() -> None:
    assert "Where there is no stable yet, set spec.paused or delete the ModelRollout" in instead("Abort")
    sim = Simulation(spec(paused=False), {"1": GOOD}).run(30, in_stage("start"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(60)
    assert (sim.carried, running(sim)) == (None, "start")
    sim.delete(KEY)
    sim.run(30)
    assert KEY not in sim.objects
    assert list(sim.services()) == []


def test_rollback_by_pinning_the_kept_previous_version() -> None:
    assert "to the version of the variant `previous`: while it is kept it serves again at once" in instead("Rollback")
    sim = pin(serving(), "2").run(300, serves("2"))
    assert sim.variants()["previous"]["version"] == "1"
    assert receivers(pin(sim, "1").run(3)) == {"1"}
    pin(sim, "2").run(10, serves("2"))
    pin(sim, "3").run(300, in_stage("canary-10"))
    pin(sim, "1").run(3)
    assert receivers(sim) == {"2"}, "the candidate has lost its traffic"
    assert receivers(sim.run(60, serves("1")).run(3)) == {"1"}
    assert sim.client_errors == []


def test_hold_and_resume_by_paused() -> None:
    assert "set spec.paused: true" in instead("Hold")
    assert "set spec.paused: false" in instead("Resume")
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(120)
    assert running(sim) == "canary-10"
    assert receivers(sim) == {"1", "2"}
    sim.edit(KEY, lambda s: s.update(paused=False))
    sim.run(300, serves("2"))


def test_advance_by_asking_less_of_the_stage_or_by_taking_it_out() -> None:
    assert "lower minDuration, minSamples and minExposures of the stage" in instead("Advance")
    assert "or take the stage out unless it is the last: the next one begins" in instead("Advance")
    sim = stages_of(serving(), demand(60))
    pin(sim, "2").run(60, in_stage("shadow")).run(120)
    assert running(sim) == "shadow"
    stages_of(sim, lambda stages: hurry(stages[:1])).run(30, in_stage("canary-10")).run(60)
    stages_of(sim, lambda stages: stages.pop(1)).run(10, in_stage("canary-50")).run(60)
    stages_of(stages_of(sim, demand(60)), lambda stages: stages.pop(1)).run(60)
    assert running(sim) == "shadow", "taking the last one out promotes nobody: the one before it begins anew"
    assert sim.client_errors == []


def test_promote_by_asking_less_of_all_stages_while_gates_stay_enforced() -> None:
    assert "lower minDuration, minSamples and minExposures of all stages" in instead("Promote")
    sim = stages_of(serving(), demand(60))
    pin(sim, "2").run(60, in_stage("shadow")).run(60)
    stages_of(sim, hurry).run(300, serves("2"))
    bad = stages_of(serving(FAILING), hurry)
    pin(bad, "2").run(300, in_stage("rollback"))
    assert bad.status["history"][0]["reason"] == "GateBreached"


def test_retry_by_other_gates_or_by_pinning_away_and_back() -> None:
    assert "change what the version is judged by (spec.stages, spec.gates)" in instead("Retry")
    assert "to another version and then to this one" in instead("Retry")
    sim = pin(serving(FAILING), "2").run(300, serves("1")).run(60)
    assert sim.condition("Stalled")[1] == "Rejected"
    sim.edit(KEY, lambda s: s["gates"][0].update(bound="6%"))
    sim.run(60, in_stage("shadow")).run(300, serves("1")).run(30)
    assert sim.condition("Stalled")[1] == "Rejected"
    sim.versions["2"] = GOOD
    pin(sim, "1").run(5)
    pin(sim, "2").run(300, serves("2"))


@pytest.mark.parametrize(("place", "then"), [(1, "canary-10"), (3, "canary-50")])
def test_approve_by_taking_the_stage_out(place: int, then: str) -> None:
    assert "take the stage of type Approval out of spec.stages" in instead("Approve")
    assert "where it was the last, the one before it begins anew" in instead("Approve")
    sim = stages_of(serving(), lambda stages: stages.insert(place, {"name": "sign-off", **APPROVAL}))
    pin(sim, "2").run(300, in_stage("sign-off")).run(60)
    assert sim.condition("Stalled")[:2] == ("True", "StageNotSupported")
    stages_of(sim, lambda stages: stages.pop(place)).run(10, in_stage(then)).run(300, serves("2"))
    assert sim.client_errors == []
