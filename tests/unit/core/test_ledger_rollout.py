"""The ledger of whole rollouts: every decision with its inputs, wherever the operator dies, and no write too many."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_ledger import KEPT

from tests.unit.core.batch_world import BatchWorld
from tests.unit.core.ledgers import chain, config_maps, decisions, ledger
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import DIES, FAILING, SLOW, in_stage, pin, serves, serving

PROMOTED = [
    ("Started", ""), ("StageEntered", "shadow"), ("StagePassed", "shadow"), ("StageEntered", "canary-10"),
    ("StagePassed", "canary-10"), ("StageEntered", "canary-50"), ("StagePassed", "canary-50"), ("Promoted", "promote"),
]  # fmt: skip


def second(sim: Simulation) -> list[tuple[str, str]]:
    """Decisions after the first revision's two."""
    return decisions(sim)[2:]


def last(sim: Simulation) -> dict[str, Any]:
    return dict(chain(sim).entries[-1])


@pytest.mark.long
def test_a_promotion_leaves_every_decision_in_a_chain() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(5)
    assert chain(sim).problems == ()
    assert decisions(sim)[:2] == [("Started", ""), ("Promoted", "promote")]
    assert second(sim) == PROMOTED
    assert len(config_maps(sim)) == len(ledger(sim).kept) == 10
    assert ledger(sim).pending == ()
    assert all(obj["immutable"] for obj in config_maps(sim).values())


@pytest.mark.long
def test_a_passed_stage_holds_the_verdicts_and_the_queries_that_let_it_pass() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(5)
    passed = next(
        e for e in chain(sim).entries if (e["decision"], e.get("stage", {}).get("name")) == ("StagePassed", "canary-10")
    )
    assert {gate["name"]: gate["verdict"] for gate in passed["gates"]} == {
        "errors": "Pass", "p95": "Pass", "positives": "Pass"
    }  # fmt: skip
    errors = passed["gates"][0]
    assert {"value", "low", "high", "bound", "samples", "since"} <= set(errors)
    assert passed["stage"]["exposures"] >= 50
    assert passed["stage"]["runningSince"]
    assert passed["split"]["agrees"] is True
    assert set(passed["evidence"]) == {"window", "seconds", "queries", "epoch", "candidate", "stable"}
    assert len(passed["evidence"]["queries"]) == len(passed["spec"]) == 64
    assert passed["generation"] == 2
    assert passed["target"]["version"] == "2"
    assert passed["run"] == "run-2"
    assert {v["name"]: v["version"] for v in passed["variants"]} == {"stable": "1", "candidate": "2"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("behaviour", "decision", "reason"),
    [(FAILING, "RolledBack", "GateBreached"), (DIES, "Failed", "")],
    ids=["breach", "dies"],
)
def test_a_bad_version_leaves_the_reason(behaviour: Any, decision: str, reason: str) -> None:
    sim = pin(serving(behaviour), "2").run(300, lambda s: len(s.status["history"]) > 1).run(60)
    assert chain(sim).whole
    assert last(sim)["decision"] == decision
    assert last(sim)["reason"].startswith(reason)
    if behaviour is FAILING:
        assert [gate["verdict"] for gate in last(sim)["gates"] if gate["name"] == "errors"] == ["Breach"]


@pytest.mark.long
def test_a_superseded_version_and_one_that_is_restored() -> None:
    sim = pin(serving(), "2").run(300, in_stage("shadow"))
    pin(sim, "3").run(300, serves("3")).run(5)
    assert ("Superseded", "shadow") in second(sim)
    pin(sim, "1").run(120, serves("1")).run(5)
    assert second(sim)[-1][0] == "Restored"
    assert last(sim)["reason"] == "PreviousPinned"
    assert chain(sim).whole


@pytest.mark.long
def test_a_breach_after_promotion() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(5)
    sim.versions["2"] = FAILING
    sim.run(200, serves("1")).run(5)
    assert second(sim)[-1] == ("RolledBack", "promoted")
    assert last(sim)["message"].startswith("after promotion, gate errors")
    assert chain(sim).whole


@pytest.mark.long
def test_a_breach_that_a_person_decides_upon_is_recorded_once() -> None:
    sim = pin(serving(SLOW, onBreach="Hold"), "2").run(300, lambda s: s.status.get("phase") == "Held").run(60)
    assert [each for each in second(sim) if each[0] == "Breached"] == [("Breached", "shadow")]


@pytest.mark.long
def test_nothing_is_written_while_nothing_is_decided() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(60)
    before = sim.writes
    assert sim.run(120).writes == before


@pytest.mark.long
@pytest.mark.parametrize("policy", ["Delete", "Orphan"])
def test_entries_go_with_the_rollout_or_stay(policy: str) -> None:
    sim = pin(serving(deletionPolicy=policy), "2").run(300, serves("2")).run(5)
    owned = {bool(obj["metadata"].get("ownerReferences")) for obj in config_maps(sim).values()}
    assert owned == {policy == "Delete"}


def test_a_changed_policy_changes_the_owners_of_all_entries() -> None:
    sim = serving()
    sim.edit(KEY, lambda spec: spec.update(deletionPolicy="Orphan"))
    sim.run(5)
    assert not any(obj["metadata"].get("ownerReferences") for obj in config_maps(sim).values())
    sim.edit(KEY, lambda spec: spec.update(deletionPolicy="Delete"))
    sim.run(5)
    assert all(obj["metadata"].get("ownerReferences") for obj in config_maps(sim).values())


@pytest.mark.long
def test_an_orphaned_rollout_leaves_its_last_decision() -> None:
    sim = pin(serving(deletionPolicy="Orphan"), "2").run(300, in_stage("canary-10"))
    uid = sim.objects[KEY]["metadata"]["uid"]
    sim.kill = lambda write: True
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    texts = [obj["data"]["entry.json"] for obj in config_maps(sim).values()]
    assert any('"decision":"Aborted"' in text and uid in text for text in texts)


@pytest.mark.long
def test_a_version_without_a_candidate_ends_in_the_ledger_when_its_rollout_is_orphaned() -> None:
    sim = pin(serving(deletionPolicy="Orphan"), "2").run(300, in_stage("build"))
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    texts = [obj["data"]["entry.json"] for _, obj in sorted(config_maps(sim).items())]
    assert '"decision":"Aborted"' in texts[-1]
    assert '"name":"build"' in texts[-1]


def many(sim: Simulation, turns: int) -> Simulation:
    """Back and forth between two kept versions: an entry each time."""
    for turn in range(turns):
        pin(sim, "1" if turn % 2 == 0 else "2").run(30, serves("1" if turn % 2 == 0 else "2"))
    return sim.run(200)


@pytest.mark.long
@pytest.mark.parametrize("kill", [lambda write: False, lambda write: True], ids=["alive", "killed after each write"])
def test_old_entries_are_moved_to_mlflow_before_they_go(kill: Any) -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(5)
    sim.kill = kill
    many(sim, KEPT)
    assert chain(sim).problems == ()
    assert len(config_maps(sim)) == len(ledger(sim).kept) == KEPT
    moved = ledger(sim).kept[0].sequence - 1
    assert moved == ledger(sim).sequence - KEPT > 0
    assert ledger(sim).lost == 0
    assert len({name.split(".")[3] for tags in sim.tags.values() for name in tags}) == moved


@pytest.mark.long
def test_nothing_goes_while_mlflow_is_away_and_decisions_do_not_wait_for_it() -> None:
    sim = pin(serving(), "2").run(300, serves("2")).run(5)
    sim.tags_up = False
    many(sim, KEPT)
    assert chain(sim).whole
    assert len(config_maps(sim)) == ledger(sim).sequence == KEPT + 10
    assert ledger(sim).lost == 0
    before = sim.writes
    assert sim.run(60).writes == before
    sim.tags_up = True
    sim.run(200)
    assert len(config_maps(sim)) == KEPT


@pytest.mark.long
def test_a_batch_rollout_has_a_ledger_as_well() -> None:
    world = BatchWorld()
    world.run(60, lambda s: s.status.get("phase") == "Scoring")
    pin(world, "2").run(120, lambda s: s.variants()["stable"]["version"] == "2").run(5)
    assert chain(world).whole
    assert [kind for kind, _ in decisions(world)] == ["Started", "Promoted", "Started", "Promoted"]


@pytest.mark.long
def test_a_decision_is_written_before_anything_is_done_about_it() -> None:
    sim = pin(serving(SLOW, onBreach="Hold"), "2").run(300, in_stage("shadow"))
    for _ in range(200):
        known, plan = sim.status["ledger"]["sequence"], sim.reconcile()
        assert plan is not None
        assert plan.status is not None
        if plan.status["ledger"]["sequence"] > known:
            assert (plan.actions, plan.requeue_after) == ((), 0)
            if '"decision":"Breached"' in plan.status["ledger"]["pending"][-1]:
                return
        sim.tick()
    raise AssertionError("no breach was held")
