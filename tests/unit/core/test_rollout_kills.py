"""Kill -9 anywhere ends in the same place: the operator keeps nothing but what it wrote."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.core.ledgers import chain, config_maps, decisions
from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import DIES, FAILING, GOOD, TOO_SLOW, UNSTEADY, in_stage, pin, serves, service, serving
from tests.unit.core.traffic_model import Behaviour

pytestmark = pytest.mark.long

Kill = Callable[[int], bool]


def always(write: int) -> bool:
    """Dies after every single write."""
    return True


def sometimes(seed: int) -> Kill:
    """Dies after a third of the writes."""
    dice = random.Random(seed)
    return lambda write: dice.random() < 0.33


def end_state(sim: Simulation) -> dict[str, Any]:
    """What must not depend on when the operator died: all but times, uids and counts of the API server."""
    status = sim.status
    return {
        "variants": [(v["name"], v["version"], v["weight"], v["revision"]) for v in status["variants"]],
        "history": [(h["version"], h["outcome"], h["stage"], h["reason"]) for h in status["history"]],
        "services": sorted(sim.services()),
        "route": sim.objects[ROUTE]["spec"]["rules"],
        "epoch": status["epoch"],
        "proofs": status["proofs"],
        "jobs": sorted(key.name for key in sim.objects if key.kind == "Job"),
        "decisions": decisions(sim),
        "unsound": (chain(sim).problems, sim.status["ledger"].get("pending"), len(config_maps(sim))),
        "stages": [line for line in sim.trace if line[0] in ("Shadow", "Canary")],
    }


def story(second: Behaviour, kill: Kill, deleted: tuple[str, ...] = ()) -> Simulation:
    """Version 2 from the registry to its end, promoted or rolled back; on its way somebody deletes some variants."""
    sim = serving(second)
    sim.kill = kill
    pin(sim, "2")
    for name in deleted:
        sim.run(300, in_stage("shadow")).run(4)
        sim.delete(service(sim, name))
    sim.run(300, lambda s: len(s.status["history"]) > 1)
    return sim.run(60)


ENDS = {"good": GOOD, "failing": FAILING, "dies": DIES, "too slow": TOO_SLOW, "unsteady": UNSTEADY}


@pytest.mark.sweep
@pytest.mark.parametrize("second", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("kill", [always, sometimes(1), sometimes(2)], ids=["always", "dice 1", "dice 2"])
def test_kills_between_any_two_writes_change_nothing(second: Behaviour, kill: Kill) -> None:
    undisturbed, killed = story(second, lambda write: False), story(second, kill)
    assert end_state(killed) == end_state(undisturbed)
    assert killed.client_errors == []


@pytest.mark.sweep
@pytest.mark.parametrize("deleted", [("stable",), ("candidate",), ("stable", "candidate")], ids=" and ".join)
def test_kills_change_nothing_about_what_somebody_deletes(deleted: tuple[str, ...]) -> None:
    undisturbed, killed = story(GOOD, lambda write: False, deleted), story(GOOD, always, deleted)
    assert end_state(killed) == end_state(undisturbed)
    assert [name.endswith("-2") for name in sorted(killed.services())].count(True) == len(deleted)
    assert killed.client_errors == []


@pytest.mark.sweep
@pytest.mark.parametrize(
    "stage", ["build", "prove", "start", "shadow", "canary-10", "canary-50", "promote", "rollback"]
)
def test_an_operator_that_is_away_for_half_a_minute_in_any_stage_resumes(stage: str) -> None:
    bad = FAILING if stage == "rollback" else GOOD
    sim = pin(serving(bad), "2").run(300, in_stage(stage))
    weight = sim.variants().get("candidate", {}).get("weight")
    for _ in range(30):
        sim.tick()
    assert sim.variants().get("candidate", {}).get("weight") == weight
    sim.run(300, serves("1" if bad is FAILING else "2"))
    assert sim.client_errors == []


@pytest.mark.parametrize("policy", ["Delete", "Orphan"])
def test_a_deletion_survives_kills(policy: str) -> None:
    sim = pin(serving(deletionPolicy=policy), "2").run(300, in_stage("canary-10"))
    sim.kill = always
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    assert len(list(sim.services())) == (1 if policy == "Orphan" else 0)


def test_a_decision_on_the_world_that_its_own_plan_made_changes_nothing() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(3)
    sim.settle()
    before = sim.writes
    for _ in range(5):
        plan = sim.reconcile()
        assert plan is not None
        assert plan.actions == ()
        assert plan.status == sim.status
    assert sim.writes == before
