"""A candidate that was trained under other definitions than its task has now is held: in no stage, by no request, never
rolled back for it; and what serves goes on serving."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.commanded import Commanded, commanded
from tests.unit.core.simulation import TASK
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, spec
from tests.unit.definitions.trained import fingerprints, inputs, redefined, task

CONDITION = "FeatureDefinitionChanged"


@remembered
def following(**changes: Any) -> Commanded:
    """Version 1 serves, whose model and task agree; the rollout follows an alias."""
    model = {"type": "MLflow", "mlflow": {"name": "fraud", "alias": "candidate"}, **changes}
    sim = Commanded(spec(model=model), dict.fromkeys("1234", GOOD))
    sim.edit(TASK, lambda written: written.update(task()))
    trains(sim, "1", "2")
    sim.alias = "1"
    return sim.run(60, serves("1"))  # type: ignore[return-value]


@remembered
def trying(stage: str = "canary-10", **changes: Any) -> Commanded:
    """Version 2 is in a stage, of the definitions of today."""
    sim = following(**changes)
    sim.alias = "2"
    return sim.run(400, in_stage(stage))  # type: ignore[return-value]


def trains(sim: Commanded, *versions: str) -> None:
    """Versions that are trained under the definitions of this moment."""
    for version in versions:
        sim.trained[version] = fingerprints(sim.objects[TASK]["spec"]).model_dump_json()


def redefine(sim: Commanded, expression: str = "amount / (items + 1)") -> None:
    sim.edit(TASK, lambda written: written.update(features=redefined(expression)))


def outcomes(sim: Commanded) -> list[tuple[str, str]]:
    return [(each["version"], each["outcome"]) for each in reversed(sim.status["history"])]


@pytest.mark.long
@pytest.mark.parametrize("stage", ["shadow", "canary-10", "canary-50"])
def test_a_running_stage_holds_is_not_rolled_back_and_goes_on_when_the_change_is_taken_back(stage: str) -> None:
    sim = trying(stage)
    redefine(sim)
    sim.run(900)
    assert in_stage(stage)(sim)
    assert sim.variants()["stable"]["version"] == "1"
    assert outcomes(sim) == [("1", "Promoted")]
    status, reason, message = sim.condition(CONDITION)
    assert (status, reason) == ("True", "DefinitionChanged")
    assert "each: " in message
    assert " -> amount / (items + 1). It does not advance. Remedy: train again" in message
    assert sim.condition("AdvanceAllowed")[:2] == ("False", CONDITION)
    redefine(sim, "amount/items")
    sim.run(600, serves("2"))
    assert sim.condition(CONDITION)[:2] == ("False", "AsTrained")
    assert sim.client_errors == []


def test_the_former_definition_is_told_by_the_run_that_has_it() -> None:
    sim = trying("shadow")
    key = ObjectKey("slipway.dev/v1alpha1", "TrainingRun", "ns", "run-2")
    run = sim.put(key, {"taskRef": {"name": "fraud"}})
    run["status"] = {"inputs": inputs(sim.objects[TASK]["spec"]).model_dump(mode="json", by_alias=True)}
    redefine(sim)
    sim.run(30)
    assert "each: amount / items -> amount / (items + 1)" in sim.condition(CONDITION)[2]


@pytest.mark.long
@pytest.mark.parametrize("action", ["Advance", "Promote"])
def test_no_request_passes_it(action: str) -> None:
    sim = trying()
    redefine(sim)
    sim.run(10)
    request = sim.ask(action)
    sim.run(60)
    assert sim.answer(request) == ("Refused", CONDITION)
    assert in_stage("canary-10")(sim)


@pytest.mark.long
def test_a_person_may_still_end_it() -> None:
    sim = trying()
    redefine(sim)
    sim.run(30)
    request = sim.ask("Abort")
    sim.run(120)
    assert sim.answer(request)[0] == "Applied"
    assert outcomes(sim)[-1] == ("2", "Aborted")


@pytest.mark.long
def test_a_version_trained_anew_takes_the_place_of_the_held_one_and_is_promoted() -> None:
    sim = trying()
    redefine(sim)
    sim.run(60)
    trains(sim, "3")
    sim.alias = "3"
    sim.run(900, serves("3"))
    assert outcomes(sim) == [("1", "Promoted"), ("2", "Superseded"), ("3", "Promoted")]
    assert sim.condition(CONDITION)[:2] == ("False", "AsTrained")


@pytest.mark.long
def test_a_version_that_is_as_old_does_not_take_its_place_nor_does_one_without_fingerprints() -> None:
    sim = trying()
    trains(sim, "3")
    redefine(sim)
    for version in ("3", "4"):
        sim.alias = version
        sim.run(120)
        assert in_stage("canary-10")(sim)
        assert sim.variants()["candidate"]["version"] == "2"


@pytest.mark.long
def test_ignore_still_ignores_while_the_running_one_is_held() -> None:
    sim = trying(onNewVersion="Ignore")
    redefine(sim)
    trains(sim, "3")
    sim.alias = "3"
    sim.run(120)
    assert sim.variants()["candidate"]["version"] == "2"


@pytest.mark.long
def test_a_version_of_other_definitions_does_not_begin_and_one_that_serves_goes_on() -> None:
    sim = following()
    redefine(sim)
    sim.alias = "2"
    sim.run(300)
    assert "candidate" not in sim.variants()
    assert sim.condition("Progressing")[:2] == ("False", CONDITION)
    assert sim.condition("Ready")[:2] == ("True", "Serving")
    assert "version 1, which goes on serving, was trained under other definitions" in sim.condition(CONDITION)[2]


@pytest.mark.long
def test_the_way_back_to_a_kept_version_is_open_whatever_its_definitions() -> None:
    sim = commanded()
    sim.edit(TASK, lambda written: written.update(task()))
    trains(sim, "2")
    pin(sim, "2")
    sim.run(600, serves("2"))
    redefine(sim)
    trains(sim, "3")
    pin(sim, "3")
    sim.run(600, serves("3"))
    pin(sim, "2")
    sim.run(60, serves("2"))


@pytest.mark.long
def test_a_model_without_fingerprints_is_told_and_held_by_nothing() -> None:
    sim = following()
    redefine(sim)
    sim.alias = "4"
    sim.run(900, serves("4"))
    assert sim.condition(CONDITION)[:2] == ("Unknown", "NotRecorded")
    assert "version 4" in sim.condition(CONDITION)[2]


@pytest.mark.long
def test_those_of_another_version_of_the_code_say_nothing() -> None:
    sim = following()
    sim.trained["2"] = fingerprints(task()).model_copy(update={"format": 2}).model_dump_json()
    redefine(sim)
    sim.alias = "2"
    sim.run(900, serves("2"))
    assert sim.condition(CONDITION)[:2] == ("Unknown", "NotRecorded")


@pytest.mark.long
def test_what_the_model_carries_is_pinned_when_its_way_begins() -> None:
    sim = trying()
    sim.trained["2"] = "{}"
    sim.mlflow_up = False
    redefine(sim)
    sim.run(300)
    assert in_stage("canary-10")(sim)
    assert sim.condition(CONDITION)[:2] == ("True", "DefinitionChanged")


@pytest.mark.long
def test_a_feature_that_the_model_does_not_know_holds_nothing_and_one_that_is_gone_does() -> None:
    sim = following()
    more = [*redefined("amount / items"), {"name": "tip", "type": "Numeric"}]
    sim.edit(TASK, lambda written: written.update(features=more))
    sim.alias = "2"
    sim.run(400, in_stage("canary-10"))
    sim.edit(TASK, lambda written: written.update(features=more[:2]))
    sim.run(300)
    assert in_stage("canary-10")(sim)
    assert "each: " in sim.condition(CONDITION)[2]
    assert "-> not defined any more" in sim.condition(CONDITION)[2]


@pytest.mark.long
def test_a_breach_still_takes_a_held_candidate_back() -> None:
    sim = trying()
    redefine(sim)
    sim.run(30)
    sim.versions["2"] = FAILING
    sim.run(400, lambda s: outcomes(s)[-1] == ("2", "RolledBack"))
