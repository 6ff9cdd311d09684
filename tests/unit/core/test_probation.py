"""Probation: what a promoted version's own matured labels surely say acts, and what nobody knows never does."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.ledgers import chain, decisions
from tests.unit.core.probation_words import (
    BAD_LABELS,
    BROKEN,
    FEW,
    GOOD_LABELS,
    LIMIT,
    LOG,
    UNSURE,
    asked,
    before,
    condition,
    edit,
    ended,
    known,
    labelled,
    on_probation,
    promotion,
)
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import in_stage, pin, serves, spec
from tests.unit.drift.labelled_world import Said


def stays(sim: Simulation, seconds: int) -> Simulation:
    """The version before is kept, warm and untouched, at every second of them."""

    def gone(s: Simulation) -> bool:
        assert s.variants()["previous"]["version"] == "1"
        assert s.variants()["previous"]["inferenceService"] in set(s.services())
        return False

    for _ in range(seconds):
        sim.run(1)
        gone(sim)
    return sim


def test_labels_that_surely_keep_the_limit_end_it_and_the_version_before_goes_in_its_time() -> None:
    sim = on_probation(GOOD_LABELS)
    assert condition(sim) == ("True", "LabelsMature")
    assert "ProbationStarted" in sim.notices
    sim.run(200, lambda s: known(s).get("verdict") == "Pass")
    assert (known(sim)["value"], known(sim)["bound"], known(sim)["trials"]) == ("90%", ">= 75%", 1000)
    assert float(known(sim)["low"].rstrip("%")) > 75
    assert condition(sim) == ("False", "Passed")
    assert "previous" in sim.variants(), "atLeast holds all the same"
    looks = len(sim.looked)
    sim.run(300, lambda s: "previous" not in s.variants())
    assert len(sim.looked) == looks, "nobody looks any more"
    assert ended(sim)[:2] == ("2", "Promoted")
    assert decisions(sim)[-1][0] == "ProbationPassed"
    assert chain(sim).problems == ()
    assert chain(sim).entries[-1]["probation"]["verdict"] == "Pass"


def test_labels_that_surely_break_it_bring_the_version_before_back_and_the_model_is_not_tried_again() -> None:
    sim = on_probation(BAD_LABELS)
    sim.run(200, in_stage("rollback"))
    assert sim.variants()["stable"]["version"] == "1"
    assert ended(sim) == ("2", "RolledBack", "ProbationFailed")
    newest = sim.status["history"][0]
    assert newest["stage"] == "promoted"
    (gate,) = [each for each in newest["gates"] if each["name"] == "probation.precision"]
    assert (gate["verdict"], gate["value"], gate["bound"], gate["samples"]) == ("Breach", "60%", ">= 75%", 1000)
    sim.run(120, serves("1"))
    assert sim.run(30).variants().keys() == {"stable"}
    assert sim.condition("Stalled")[1] == "Rejected"
    assert condition(sim) == ("False", "ProbationFailed")
    assert "precision 60%" in sim.condition("OnProbation")[2]
    assert sim.client_errors == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [(UNSURE, "NotYetSure"), (FEW, "InsufficientData"), (BROKEN, "DataQualityHold"), ("LabelsUnreachable",
     "MeasurementFailed"), (None, "LabelsMature")],
    ids=["unsure", "few", "broken labels", "failing", "never ending"],
)  # fmt: skip
def test_what_nobody_knows_never_goes_back_and_the_version_before_stays_until_at_most(
    said: Said | str | None, reason: str
) -> None:
    sim = on_probation(said, promotion=promotion(keepPrevious={"atLeast": "2m", "atMost": "6m"}))
    stays(sim, 300)
    assert condition(sim) == ("True", reason)
    sim.run(100, lambda s: "previous" not in s.variants())
    assert ended(sim)[:2] == ("2", "Promoted")
    assert known(sim)["verdict"] == "Undecided"
    assert condition(sim) == ("False", "Undecided")
    assert "ProbationUndecided" in sim.notices
    assert decisions(sim)[-1][0] == "ProbationUndecided"
    looks = len(sim.looked)
    sim.run(60)
    assert len(sim.looked) == looks
    assert sim.notices.count("ProbationUndecided") == 1


def test_a_selective_task_without_exploration_is_told_and_decides_nothing() -> None:
    sim = before()
    labelled(sim, observation="Selective")
    sim.matured = BAD_LABELS
    pin(sim, "2").run(400, serves("2"))
    sim.run(200, lambda s: condition(s)[1] == "Biased")
    assert ended(sim)[:2] == ("2", "Promoted")


def test_a_breach_that_a_person_decides_upon_is_said_once_and_keeps_the_way_back() -> None:
    sim = on_probation(BAD_LABELS, onBreach="Hold").run(200, lambda s: known(s).get("verdict") == "Breach").run(3)
    assert sim.condition("Stalled")[:2] == ("True", "Breached")
    assert sim.status["phase"] == "Held"
    stays(sim, 240)
    assert [kind for kind, _ in decisions(sim)].count("Breached") == 1
    before_, sim.wake = sim.writes, sim.now
    assert sim.run(60).writes == before_
    sim.edit(KEY, lambda s: s.update(onBreach="Rollback"))
    sim.run(60, serves("1"))
    assert ended(sim) == ("2", "RolledBack", "ProbationFailed")


def test_the_first_revision_has_nothing_to_go_back_to_and_says_so() -> None:
    sim = before().run(60)
    assert condition(sim) == ("False", "NoPrevious")
    assert sim.looked == []
    assert known(sim) == {}


@pytest.mark.parametrize(
    ("label", "changes", "reason", "remedy"),
    [
        ({"source": None}, {}, "NoLabelSource", "set label.source of the ModelTask"),
        ({}, {"predictionLog": {**LOG, "omit": ["payment"]}}, "KeyNotLogged", "predictionLog.omit names 'payment'"),
        ({}, {"promotion": promotion(probation={**LIMIT, "metric": "mae"})}, "NotSupported", "legal are precision"),
    ],
)
def test_what_it_lacks_is_named_with_the_field_and_no_job_is_made(
    label: dict[str, Any], changes: dict[str, Any], reason: str, remedy: str
) -> None:
    sim = before(**changes)
    labelled(sim, **label)
    sim.matured = BAD_LABELS
    pin(sim, "2").run(400, serves("2")).run(100)
    assert condition(sim) == ("True", reason)
    assert remedy in sim.condition("OnProbation")[2]
    assert sim.looked == []
    assert sim.variants()["stable"]["version"] == "2"


def test_a_log_that_came_after_the_revision_is_told() -> None:
    sim = on_probation(BAD_LABELS)
    sim.edit(KEY, lambda s: s.update(paused=True, predictionLog={**LOG, "uri": "s3://lake/elsewhere/"}))
    sim.run(60)
    assert condition(sim) == ("True", "NotLogged")
    assert "does not log to s3://lake/elsewhere/" in sim.condition("OnProbation")[2]


def test_while_it_waits_nothing_is_written_between_looks() -> None:
    sim = on_probation(None).run(130)
    writes = sim.writes
    assert sim.run(120).writes == writes


def test_only_live_predictions_since_the_promotion_are_asked_for_by_a_job_without_a_token() -> None:
    sim = before()
    labelled(sim, maturity={"p95": "4m", "completeness": "90%"})
    sim.matured = FEW
    pin(sim, "2").run(400, serves("2")).run(400, lambda s: len(s.looked) > 1)
    first, second = (asked(job) for job in sim.looked[:2])
    promoted = sim.variants()["previous"]["since"]
    for each in (first, second):
        assert each["since"].replace("+00:00", "Z") == promoted
        assert each["revision"] == sim.variants()["stable"]["revision"]
        assert (each["metric"], each["key"], each["needed"]) == ("precision", "payment", 48)
    assert first["until"] == first["since"], "nothing can have matured: it finds what is wrong with log and labels"
    assert second["until"] > second["since"]
    pod = sim.looked[0]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    sim.run(30)
    jobs = [key.name for key in sim.objects if key.kind == "Job" and "-probation-" in key.name]
    assert len(jobs) == 1, "the newest alone"


def test_a_pod_that_does_not_start_is_told_by_what_is_missing() -> None:
    sim = on_probation(None).run(200, lambda s: bool(s.looked))
    waits = {"reason": "CreateContainerConfigError", "message": 'secret "warehouse" not found'}
    sim.pod_of(sim.looked[0], {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waits}}]})
    sim.run(10)
    assert condition(sim) == ("True", "SecretNotFound")
    assert "Secret warehouse does not exist" in sim.condition("OnProbation")[2]


def slow() -> list[dict[str, Any]]:
    return [{**each, "minDuration": "1h"} for each in spec()["stages"][1:]]


def test_it_goes_on_while_the_next_version_is_rolled_out_and_ends_that_with_the_version_it_was_compared_with() -> None:
    sim = on_probation(None)
    sim.edit(KEY, lambda s: s.update(stages=slow()))
    pin(sim, "3").run(200, in_stage("canary-10"))
    sim.matured = BAD_LABELS
    sim.run(200, lambda s: s.variants()["stable"]["version"] == "1").run(2)
    assert [(each["version"], each["outcome"]) for each in sim.status["history"][:2]] == [
        ("2", "RolledBack"), ("3", "Superseded"),
    ]  # fmt: skip
    assert "probation.precision" in {each["name"] for each in sim.status["history"][0]["gates"]}
    assert "probation.precision" not in {each["name"] for each in sim.status["history"][1]["gates"]}
    assert sim.client_errors == []


def test_the_next_promotion_begins_one_of_its_own() -> None:
    sim = on_probation(None)
    first = known(sim)
    pin(sim, "3").run(400, serves("3"))
    assert (known(sim)["version"], known(sim)["verdict"]) == ("3", "Wait")
    assert known(sim)["since"] > first["since"]
    assert sim.notices.count("ProbationStarted") == 2
    assert "ProbationEnded" in sim.notices


def test_who_goes_back_by_hand_ends_it() -> None:
    sim = on_probation(None).run(200, lambda s: bool(s.looked))
    pin(sim, "1").run(60, serves("1")).run(5)
    assert known(sim) == {}
    assert condition(sim) == ("False", "NoPrevious")
    assert not [key for key in sim.objects if key.kind == "Job" and "-probation-" in key.name]


def test_another_bound_is_another_question_and_one_that_is_taken_out_asks_nothing() -> None:
    sim = on_probation(GOOD_LABELS).run(200, lambda s: known(s).get("verdict") == "Pass")
    sim.matured = None
    edit(sim, probation={**LIMIT, "bound": "95%"}).run(5)
    assert (known(sim)["verdict"], known(sim)["bound"]) == ("Wait", ">= 95%")
    edit(sim, probation=None).run(5)
    assert known(sim) == {}
    assert condition(sim) == ("", "")


def test_a_task_that_cannot_be_read_begins_nothing_anew() -> None:
    sim = on_probation(GOOD_LABELS).run(200, lambda s: known(s).get("verdict") == "Pass")
    task = ObjectKey("slipway.dev/v1alpha1", "ModelTask", "ns", "fraud")
    kept, passed = sim.objects.pop(task), known(sim)
    sim.run(10)
    sim.objects[task] = kept
    assert known(sim.run(10)) == passed


def test_labels_that_take_longer_than_the_version_before_is_kept_are_refused_and_what_serves_stays_guarded() -> None:
    sim = before()
    labelled(sim, maturity={"p95": "2h", "completeness": "90%"}).run(5)
    assert sim.condition("Accepted")[:2] == ("False", "KeepPreviousTooShort")
    assert "keepPrevious.atMost is 20m, and labels take 2h" in sim.condition("Accepted")[2]
    pin(sim, "2").run(60)
    assert sim.status.get("target") is None
    assert sim.condition("Ready")[0] == "True"
    edit(sim, keepPrevious={"atLeast": "1h", "atMost": "1d"}).run(100, in_stage("shadow"))
    assert sim.condition("Accepted")[0] == "True"
