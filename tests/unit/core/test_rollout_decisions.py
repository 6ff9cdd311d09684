"""Which version runs, when nothing runs, and what a person's word does: one line of the specification a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves, serving, spec

ALIASED = {"type": "MLflow", "mlflow": {"name": "fraud", "alias": "candidate"}}


@remembered
def aliased(**changes: object) -> Simulation:
    sim = Simulation(spec(model=ALIASED, **changes), {"1": GOOD, "2": GOOD, "3": GOOD})
    sim.alias = "1"
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def test_an_alias_that_moves_during_a_rollout_queues_and_runs_afterwards() -> None:
    sim = aliased()
    sim.alias = "2"
    sim.run(300, in_stage("canary-10"))
    sim.alias = "3"
    sim.run(5)
    assert sim.status["queued"]["version"] == "3"
    assert sim.status["target"]["version"] == "2"
    sim.run(400, serves("3"))
    assert "queued" not in sim.status
    assert [entry["version"] for entry in sim.status["history"]] == ["3", "2", "1"]


def test_a_pinned_version_supersedes_the_one_that_runs() -> None:
    sim = pin(pin(serving(), "2").run(300, in_stage("canary-10")), "3").run(300, serves("3"))
    assert [h["outcome"] for h in sim.status["history"]] == ["Promoted", "Superseded", "Promoted"]
    assert sim.status.get("rejected") is None
    assert sim.client_errors == []


def test_pinning_back_to_the_kept_version_is_a_flip_of_the_route_without_a_cold_start() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    old = sim.variants()["previous"]["inferenceService"]
    jobs = sum(key.kind == "Job" for key in sim.objects)
    pin(sim, "1").settle()
    assert sim.variants()["stable"]["version"] == "1"
    assert sim.objects[ROUTE]["spec"]["rules"][0]["backendRefs"][0]["name"] == f"{old}-predictor"
    assert sum(key.kind == "Job" for key in sim.objects) == jobs
    sim.run(30)
    assert pin(sim, "2").run(5).variants()["stable"]["version"] == "2"
    assert sim.client_errors == []


def test_pinning_stable_again_aborts_the_candidate() -> None:
    sim = pin(pin(serving(), "2").run(300, in_stage("canary-10")), "1").run(60, serves("1"))
    assert sim.status["history"][0]["outcome"] == "Superseded"


def test_a_rejected_version_is_tried_again_only_when_the_spec_changes() -> None:
    sim = pin(serving(FAILING), "2").run(300, serves("1")).run(60)
    assert "target" not in sim.status
    assert sim.condition("Progressing")[:2] == ("False", "Rejected")
    sim.versions["2"] = GOOD
    sim.run(60)
    assert "target" not in sim.status
    pin(sim, "1").run(5)
    pin(sim, "2").run(300, serves("2"))


def test_on_breach_hold_keeps_the_split_and_waits_for_a_person() -> None:
    sim = pin(serving(FAILING, onBreach="Hold"), "2").run(120)
    assert sim.status["stage"]["name"] == "shadow"
    assert sim.condition("Stalled")[:2] == ("True", "Breached")
    assert sim.status["phase"] == "Held"


def test_paused_advances_nothing_but_a_breach_still_acts() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.edit(KEY, lambda s: s.update(paused=True))
    sim.run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    sim.versions["2"] = FAILING
    sim.run(300, in_stage("rollback"))


def test_a_paused_rollout_begins_nothing() -> None:
    sim = serving(paused=False)
    sim.edit(KEY, lambda s: s.update(paused=True))
    pin(sim, "2").run(60)
    assert "target" not in sim.status
    assert sim.condition("Progressing")[1] == "Paused"


@pytest.mark.parametrize(("evaluation", "reason"), [("", "NotEvaluated"), ("failed", "EvaluationFailed")])
def test_a_version_without_a_passed_evaluation_is_refused_unless_waived(evaluation: str, reason: str) -> None:
    sim = serving()
    sim.evaluation = evaluation
    pin(sim, "2").run(60)
    assert sim.condition("Certified")[:2] == ("False", reason)
    assert "target" not in sim.status
    sim.edit(KEY, lambda s: s.update(certification={"waiver": "ada, by hand"}))
    sim.run(300, serves("2"))
    assert sim.condition("Certified")[1] == "Waived"


def test_after_promotion_a_breach_returns_to_the_kept_version_and_rejects_the_other() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(20)
    sim.versions["2"] = FAILING
    sim.run(300, in_stage("rollback"))
    assert sim.status["history"][0]["outcome"] == "RolledBack"
    sim.run(100, serves("1"))
    assert sim.condition("Progressing")[1] == "Rejected"
    assert sim.client_errors == []


def test_no_gate_returns_to_a_version_that_a_person_has_left() -> None:
    sim = pin(pin(serving(), "2").run(300, serves("2")), "1").run(20)
    sim.versions["1"] = FAILING
    sim.run(120)
    assert sim.variants()["stable"]["version"] == "1"


def test_the_previous_version_goes_when_its_time_has_come_and_not_before() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    name = sim.variants()["previous"]["inferenceService"]
    sim.run(280)
    assert name in set(sim.services())
    sim.run(60)
    assert "previous" not in sim.variants()
    assert name not in set(sim.services())


def test_a_stage_that_the_spec_changes_begins_again_with_its_new_weight() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    epoch = sim.status["epoch"]
    sim.edit(KEY, lambda s: s["stages"][1]["canary"].update(weight="20%"))
    sim.run(3)
    assert sim.variants()["candidate"]["weight"] == "20%"
    assert sim.status["epoch"] > epoch
    sim.run(300, serves("2"))


def test_taking_the_last_stage_away_does_not_promote() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-50"))
    sim.edit(KEY, lambda s: s["stages"].pop())
    sim.settle()
    assert sim.status["stage"]["name"] == "canary-10"


def test_a_stage_that_this_version_does_not_run_holds_without_traffic() -> None:
    replay = {"name": "replay", "type": "Backtest", "backtest": {"window": "14d"}}
    sim = pin(serving(stages=[*spec()["stages"][:1], replay]), "2").run(300, in_stage("replay")).run(60)
    assert sim.condition("Stalled")[:2] == ("True", "StageNotSupported")
    assert sim.variants()["candidate"]["weight"] == "0%"
    sim.edit(KEY, lambda s: s["stages"].pop())
    sim.run(300, serves("2"))


def test_a_build_that_fails_for_good_is_told_and_not_repeated() -> None:
    sim = serving()
    sim.registry_up = False
    pin(sim, "2").run(5)
    job = next(obj for key, obj in sim.objects.items() if key.kind == "Job" and not obj.get("status"))
    sim.finish(job, "Failed", {"error": {"step": "lock", "reason": "NoSuchPackage", "message": "skops 99"}})
    sim.run(30)
    assert sim.condition("ImageBuilt")[:2] == ("False", "NoSuchPackage")
    assert sim.status["history"][0]["outcome"] == "Failed"
    assert "target" not in sim.status


def test_a_registry_that_is_away_delays_the_build_only() -> None:
    sim = serving()
    sim.registry_up = False
    pin(sim, "2").run(120)
    assert sim.status["phase"] == "Building"
    assert sim.condition("Ready")[0] == "True"
    sim.registry_up = True
    sim.run(300, serves("2"))


def test_a_finished_build_whose_words_are_lost_is_repeated() -> None:
    sim = pin(serving(), "2").run(60, in_stage("build"))
    job = next(obj for key, obj in sim.objects.items() if key.kind == "Job" and not obj.get("status"))
    done = (sim.now - timedelta(seconds=60)).isoformat()
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}], "completionTime": done}
    sim.run(300, serves("2"))


@pytest.mark.parametrize("stage", ["", "build", "prove", "start", "shadow", "canary-10", "rollback"])
def test_deletion_policy_delete_leaves_nothing(stage: str) -> None:
    sim = serving(FAILING if stage == "rollback" else GOOD)
    if stage:
        pin(sim, "2").run(300, in_stage(stage))
    sim.delete(KEY)
    sim.run(30)
    left = {key.kind for key, obj in sim.objects.items() if not obj["metadata"].get("ownerReferences")}
    assert left - {"ModelTask", "Pod"} == set(), "Jobs and the ledger go by their owner"


@pytest.mark.parametrize("stage", ["", "build", "prove", "start", "shadow", "canary-10", "rollback"])
def test_deletion_policy_orphan_leaves_stable_and_its_route_without_owners(stage: str) -> None:
    bad = FAILING if stage == "rollback" else GOOD
    sim = serving(bad, deletionPolicy="Orphan")
    stable = sim.variants()["stable"]["inferenceService"]
    if stage:
        pin(sim, "2").run(300, in_stage(stage))
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    assert list(sim.services()) == [stable]
    kept = [obj for key, obj in sim.objects.items() if key.kind in ("InferenceService", "HTTPRoute")]
    assert len(kept) == 2
    assert not any(obj["metadata"].get("ownerReferences") for obj in kept)
    assert not any("slipway.dev/traffic" in obj["metadata"].get("finalizers", ()) for obj in kept)
    assert sim.client_errors == []


def test_an_illegal_spec_is_told_and_touches_nothing() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    before = sim.get(ROUTE)
    sim.edit(KEY, lambda s: s.update(stages=[{"name": "x", "type": "Canary"}]))
    sim.run(30)
    assert sim.condition("Accepted")[:2] == ("False", "InvalidSpec")
    assert before is not None
    assert sim.objects[ROUTE]["spec"] == before["spec"]


def test_a_steady_campaign_is_ready_and_not_reconciling() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.run(3)
    assert [sim.condition(kind)[0] for kind in ("Ready", "Reconciling", "Progressing", "Stalled")] == [
        "True", "False", "True", "False",
    ]  # fmt: skip
    assert sim.condition("ShortStages")[0] == "True"


def test_a_stage_of_hours_is_written_about_rarely() -> None:
    stages = spec()["stages"]
    stages[0]["minDuration"] = "2h"
    sim = pin(serving(stages=stages), "2").run(60, in_stage("shadow")).run(60)
    before = sim.writes
    sim.run(900)
    assert sim.writes - before <= 15, "at most once a minute"


def test_who_asks_to_serve_directly_is_told_nothing_of_gates() -> None:
    assert serving(initialRevision="ServeDirectly").run(30).condition("InitialRevisionGated")[0] == ""
