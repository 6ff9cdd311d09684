"""The fast alarm through whole rollouts: who is told, who goes back, who waits for a person, and that quiet is free."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.commanded import Commanded
from tests.unit.core.ledgers import decisions
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, serves, serving, spec
from tests.unit.core.traffic_model import Behaviour

RARE = Behaviour(positive=0.005)
MANY = Behaviour(positive=0.3)
FREEZE, ROLLBACK = {"predictionShift": "Freeze"}, {"predictionShift": "Rollback"}
ERRORS = [{"name": "errors", "metric": "error_rate", "op": "<=", "bound": "5%"}]


def slow() -> list[dict[str, Any]]:
    """Stages that only time could pass, and no gate that knows of predictions."""
    return [{k: v for k, v in each.items() if k != "gates"} | {"minDuration": "1h"} for each in spec()["stages"]]


def calm(sim: Simulation, *versions: str) -> Simulation:
    """0.5% of each version's answers are 1."""
    sim.versions.update(dict.fromkeys(versions or ("1", "2", "3"), RARE))
    return sim


def first(alarm: Any = FREEZE, **changes: Any) -> Simulation:
    """Version 1 has served for some minutes, and nothing comes after it."""
    sim = Simulation(spec(gates=ERRORS, stages=slow(), **({"alarm": alarm} if alarm else {}), **changes), {"1": RARE})
    return sim.run(60, lambda s: s.status.get("phase") == "Serving").run(60)


def rolling(stage: str = "canary-10", alarm: Any = ROLLBACK) -> Simulation:
    """Version 2 is in a stage, both answer alike."""
    stages = slow() if stage == "shadow" else slow()[1:]
    made = {"alarm": alarm} if alarm else {}
    sim = calm(Simulation(spec(gates=ERRORS, stages=stages, **made), {"1": RARE, "2": RARE, "3": RARE}))
    sim.run(60, lambda s: s.status.get("phase") == "Serving").run(60)
    return pin(sim, "2").run(300, in_stage(stage)).run(60)


def promoted(alarm: Any = ROLLBACK) -> Simulation:
    """Version 2 serves, version 1 is kept."""
    stages = [{k: v for k, v in each.items() if k != "gates"} for each in spec()["stages"]]
    sim = calm(Simulation(spec(gates=ERRORS, stages=stages, alarm=alarm), {"1": RARE, "2": RARE, "3": RARE}))
    sim.run(60, lambda s: s.status.get("phase") == "Serving")
    return pin(sim, "2").run(300, serves("2")).run(60)


def says(sim: Simulation) -> tuple[str, str]:
    return sim.condition("PredictionShift")[:2]


def is_raised(sim: Simulation) -> bool:
    return sim.status.get("predictionShift", {}).get("act", "Suspected") != "Suspected"


def is_suspected(sim: Simulation) -> bool:
    return "predictionShift" in sim.status


@pytest.mark.parametrize("stage", ["canary-10", "shadow"])
def test_a_candidate_whose_answers_jump_goes_back_within_two_looks(stage: str) -> None:
    sim = rolling(stage)
    assert says(sim) == ("False", "AsExpected")
    sim.versions["2"] = MANY
    sim.run(15, is_suspected)
    assert says(sim) == ("True", "CandidateSuspected")
    assert sim.condition("AdvanceAllowed")[:2] == ("False", "Held"), "nothing advances from the first sight on"
    sim.run(30, in_stage("rollback"))
    assert says(sim) == ("True", "CandidateRolledBack")
    assert "held" not in sim.status
    entry = sim.status["history"][0]
    assert (entry["version"], entry["outcome"], entry["reason"]) == ("2", "RolledBack", "PredictionShift")
    assert "class 1 has risen to" in entry["message"]
    assert sim.notices.count("PredictionShift") == 2, "at first sight, and when it acts"
    sim.run(60, serves("1"))
    assert says(sim) == ("False", "AsExpected"), "it goes with the version that it is about"
    assert sim.client_errors == []


def test_a_freeze_holds_the_stage_until_a_person_lets_it_go_on() -> None:
    sim = rolling(alarm=FREEZE)
    sim.versions["2"] = MANY
    sim.run(40, is_raised)
    shift = sim.status["predictionShift"]
    assert (shift["subject"], shift["act"], shift["class"], shift["version"]) == ("Candidate", "Frozen", "1", "2")
    assert sim.condition("AdvanceAllowed")[:2] == ("False", "Held")
    assert sim.condition("Stalled")[:2] == ("True", "PredictionShift")
    assert sim.status["phase"] == "Held"
    sim.edit(KEY, lambda s: s.update(stages=spec()["stages"][1:]))
    sim.run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    assert [kind for kind, *_ in decisions(sim)].count("Breached") == 1


def test_what_stands_and_what_is_quiet_writes_nothing() -> None:
    sim = first()
    before = sim.writes
    assert sim.run(120).writes == before, "quiet"
    sim.versions["1"] = MANY
    sim.run(40, is_raised).run(5)
    before = sim.writes
    assert sim.run(600).writes == before, "raised"
    assert sim.notices.count("PredictionShift") == 1


def test_a_first_version_that_has_nothing_to_go_back_to_is_frozen_and_says_so() -> None:
    sim = first(ROLLBACK)
    sim.versions["1"] = MANY
    sim.run(40, is_raised)
    assert says(sim) == ("True", "StableFrozen")
    assert "No version is kept" in sim.condition("PredictionShift")[2]
    assert sim.condition("Ready")[0] == "True"
    sim.versions["2"] = RARE
    assert pin(sim, "2").run(60).condition("Progressing")[1] == "Held", "nothing begins"


def test_after_promotion_the_kept_version_serves_again() -> None:
    sim = promoted()
    sim.versions["2"] = MANY
    sim.run(20, in_stage("rollback"))
    assert sim.variants()["stable"]["version"] == "1"
    assert sim.status["history"][0]["reason"] == "PredictionShift"
    sim.run(100, serves("1"))
    assert sim.client_errors == []


def test_a_world_that_changes_after_promotion_freezes_what_was_gone_back_to() -> None:
    """Alone nobody can tell a model from its world; that the other version sees the same tells it."""
    sim = promoted()
    sim.versions["2"] = MANY
    sim.run(20, in_stage("rollback"))
    sim.run(60)
    sim.versions["1"] = MANY
    sim.run(60, lambda s: says(s) == ("True", "StableFrozen"))
    assert sim.variants()["stable"]["version"] == "1"


@pytest.mark.parametrize("first", ["1", "2"])
def test_a_world_that_one_arm_is_scraped_of_first_sends_nobody_back(first: str) -> None:
    sim = rolling()
    sim.versions[first] = MANY
    sim.run(15, is_suspected)
    sim.versions.update({"1": MANY, "2": MANY})
    sim.run(40, is_raised).run(60)
    assert says(sim) == ("True", "EveryoneFrozen")
    assert sim.status["stage"]["name"] == "canary-10"


def test_a_suspicion_that_the_next_scrape_does_not_bear_out_lets_go() -> None:
    sim = rolling()
    sim.versions["2"] = Behaviour(positive=1.0)
    sim.run(15, is_suspected)
    sim.versions["2"] = RARE
    revision, rows = sim.variants()["candidate"]["revision"], sim.prometheus.answered
    kept = {side: counts for side, counts in rows[-60].items() if side[0] == revision}
    rows[-60:] = [{**row, **kept} for row in rows[-60:]]  # as if those answers had never been
    sim.run(40, lambda s: not is_suspected(s))
    assert "held" not in sim.status
    assert sim.notices.count("PredictionShiftOver") == 1


@pytest.mark.parametrize("alarm", [FREEZE, ROLLBACK])
def test_a_world_that_changes_for_both_sends_nobody_back(alarm: Any) -> None:
    sim = rolling(alarm=alarm)
    sim.versions.update({"1": MANY, "2": MANY})
    sim.run(40, is_raised).run(120)
    assert says(sim) == ("True", "EveryoneFrozen")
    assert sim.status["stage"]["name"] == "canary-10"
    assert "no fault of the candidate's" in sim.condition("PredictionShift")[2]


def test_a_stable_that_jumps_beside_a_quiet_candidate_is_its_own_fault() -> None:
    sim = rolling(alarm=FREEZE)
    sim.versions["1"] = MANY
    sim.run(40, is_raised)
    assert says(sim) == ("True", "StableFrozen")


def test_without_the_field_nobody_looks() -> None:
    sim = rolling(alarm=None)
    sim.versions["2"] = MANY
    sim.run(60)
    assert says(sim) == ("", "")
    assert "held" not in sim.status
    sim.edit(KEY, lambda s: s.update(alarm=ROLLBACK))
    sim.run(60, in_stage("rollback"))


def test_an_alarm_goes_with_the_field_and_what_was_frozen_stays_so() -> None:
    sim = rolling(alarm=FREEZE)
    sim.versions["2"] = MANY
    sim.run(60, lambda s: says(s)[1] == "CandidateFrozen")
    sim.edit(KEY, lambda s: s.pop("alarm"))
    sim.run(20)
    assert says(sim) == ("", "")
    assert sim.status["held"]["by"] == "spec.alarm.predictionShift"


def test_without_the_field_nobody_asks() -> None:
    sim = first(None)
    before = sim.prometheus.asked
    assert sim.run(120).prometheus.asked == before


def test_an_alarm_stands_for_a_quarter_of_an_hour_and_then_goes_with_its_cause() -> None:
    sim = first()
    sim.prometheus.held_out = {"0": 1990.0, "1": 10.0}
    sim.versions["1"] = MANY
    sim.run(40, is_raised)
    calm(sim).run(300)
    assert is_raised(sim)
    sim.run(3600, lambda s: not is_raised(s))
    assert says(sim) == ("False", "AsExpected")
    assert sim.status["held"]["by"] == "spec.alarm.predictionShift", "a person has not looked yet"
    assert sim.notices.count("PredictionShiftOver") == 1


def test_a_person_lets_it_go_on_and_is_not_stopped_again_by_the_same() -> None:
    sim = Commanded(spec(gates=ERRORS, stages=slow(), alarm=FREEZE), {"1": RARE})
    sim.run(60, lambda s: s.status.get("phase") == "Serving").run(60)
    sim.versions["1"] = MANY
    sim.run(40, is_raised)
    request = sim.ask("Resume")
    sim.settle()
    assert sim.answer(request)[0] == "Applied"
    sim.run(1200)
    assert "held" not in sim.status
    assert sim.condition("Stalled")[0] == "False"


def test_what_nobody_can_measure_is_unknown() -> None:
    sim = first()
    sim.prometheus_up = False
    sim.run(30)
    assert says(sim) == ("Unknown", "PrometheusUnavailable")
    before = sim.writes
    assert sim.run(60).writes == before
    sim.prometheus_up = True
    assert says(sim.run(30)) == ("False", "AsExpected")


def test_a_kill_after_every_write_changes_nothing() -> None:
    ends = []
    for kill in (lambda write: False, lambda write: True):
        sim = rolling()
        sim.kill = kill
        sim.versions["2"] = MANY
        sim.run(200, serves("1")).run(30)
        assert sim.client_errors == []
        history = [(h["version"], h["outcome"], h["reason"]) for h in sim.status["history"]]
        ends.append((history, decisions(sim), sim.condition("PredictionShift")[:2], "held" in sim.status))
    assert ends[0] == ends[1]


def test_ordinary_rollouts_never_hear_of_it() -> None:
    sim = pin(serving(alarm=ROLLBACK), "2").run(400, serves("2")).run(60)
    assert "PredictionShift" not in sim.notices
    assert says(sim) == ("False", "AsExpected")
    assert sim.versions["2"] == GOOD
