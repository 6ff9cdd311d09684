"""InferenceServices deleted by hand, in the background and in the foreground, in every stage: another takes over."""

from __future__ import annotations

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, replaced, serves, service, serving, spec
from tests.unit.core.test_rollout_kills import always
from tests.unit.core.traffic_model import Behaviour, arms

TRAFFIC = ["shadow", "canary-10", "canary-50"]
STAGES = ["build", "prove", "start", *TRAFFIC, "promote", "rollback"]


def named(sim: Simulation) -> set[str]:
    return {name.removesuffix("-predictor") for name, *_ in arms(sim.objects[ROUTE]["spec"])}


@remembered
def rolling(stage: str, **changes: object) -> Simulation:
    """Version 2 in a stage; in the stage rollback it is one that fails."""
    return pin(serving(FAILING if stage == "rollback" else GOOD, **changes), "2").run(300, in_stage(stage))


def end(stage: str) -> str:
    return "1" if stage == "rollback" else "2"


@pytest.mark.long
def test_stable_serves_until_another_has_taken_its_place() -> None:
    sim = serving()
    old = service(sim, "stable")
    sim.delete(old)
    sim.run(4)
    assert named(sim) == {old.name}, "the pods live on, and its successor is not warm"
    assert sim.condition("Ready")[0] == "True"
    assert sim.condition("Reconciling")[:2] == ("True", "Replacing")
    sim.run(60, replaced)
    new = service(sim, "stable")
    assert (new.name, named(sim)) == (f"{old.name}-2", {f"{old.name}-2"})
    assert old not in sim.objects
    assert [sim.condition(kind)[0] for kind in ("Ready", "Reconciling", "Stalled")] == ["True", "False", "False"]
    pin(sim, "2").run(300, serves("2"))
    assert sim.client_errors == []


@pytest.mark.long
def test_what_was_deleted_is_held_until_its_last_requests_are_done() -> None:
    sim = serving()
    old = service(sim, "stable")
    sim.delete(old)
    sim.run(60, lambda s: old.name not in named(s))
    left = sim.now
    sim.run(60, lambda s: old not in s.objects)
    assert (sim.now - left).total_seconds() >= 5, "a gateway's lag of 3 s and requests of 2 s"


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
def test_a_rollout_ends_as_it_would_when_stable_is_deleted_on_its_way(stage: str) -> None:
    sim = rolling(stage)
    epoch, uid = sim.status["epoch"], sim.objects[service(sim, "stable")]["metadata"]["uid"]
    sim.delete(service(sim, "stable"))
    sim.run(3)
    if stage in TRAFFIC:
        assert "runningSince" not in sim.status["stage"], "the clock stands meanwhile"
    sim.run(300, lambda s: serves(end(stage))(s) and replaced(s))
    assert uid not in {obj["metadata"]["uid"] for obj in sim.objects.values()}
    assert "RouteEdited" not in sim.notices
    to_come = {*STAGES[STAGES.index(stage) + 1 :]} & {*TRAFFIC, "promote"} if stage != "rollback" else set()
    assert sim.status["epoch"] - epoch == len(to_come), "the evidence of no stage begins anew"
    assert sim.client_errors == []


@pytest.mark.long
@pytest.mark.parametrize("stage", TRAFFIC)
def test_a_candidate_loses_its_traffic_and_comes_back_under_another_name(stage: str) -> None:
    sim = rolling(stage).run(3)
    epoch, old = sim.status["epoch"], service(sim, "candidate")
    sim.delete(old)
    sim.run(1)
    assert old.name not in named(sim), "the route leaves it at once"
    assert service(sim, "candidate").name == f"{old.name}-2"
    assert service(sim, "candidate") in sim.objects, "nobody waits for the end of the old one"
    sim.run(3)
    assert old in sim.objects, "it is held until requests in flight are done"
    sim.run(60, lambda s: f"{old.name}-2" in named(s))
    sim.run(300, serves("2"))
    assert old not in sim.objects
    assert sim.status["epoch"] > epoch
    assert sim.client_errors == []


@pytest.mark.long
@pytest.mark.parametrize("stage", ["start", "promote"])
def test_a_first_revision_that_is_deleted_on_its_way_serves_all_the_same(stage: str) -> None:
    sim = Simulation(spec(), {"1": GOOD}).run(60, in_stage(stage))
    sim.run(2 if stage == "start" else 0)
    sim.delete(service(sim, "candidate"))
    sim.run(100, lambda s: serves("1")(s) and replaced(s))
    assert sim.client_errors == []


@pytest.mark.long
def test_a_kept_version_that_somebody_deletes_is_replaced_and_can_be_gone_back_to() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    old = service(sim, "previous")
    sim.delete(old)
    sim.run(20)
    assert service(sim, "previous").name == f"{old.name}-2"
    assert old not in sim.objects
    pin(sim, "1").run(10, serves("1"))
    assert named(sim) == {f"{old.name}-2"}
    assert sim.client_errors == []


@pytest.mark.long
def test_a_successor_that_is_deleted_as_well_has_one_of_its_own() -> None:
    sim = serving()
    first = service(sim, "stable")
    second = ObjectKey(first.api_version, first.kind, "ns", f"{first.name}-2")
    sim.delete(first)
    sim.run(2)
    sim.delete(second)
    sim.run(60, replaced)
    assert service(sim, "stable").name == f"{first.name}-3"
    sim.delete(service(sim, "stable"))
    sim.run(60, replaced)
    assert service(sim, "stable").name == first.name, "a name that is free is taken again"
    assert len(list(sim.services())) == 1
    assert sim.client_errors == []


def test_a_candidate_on_its_way_out_is_not_made_again() -> None:
    sim = rolling("rollback").run(2)
    sim.delete(service(sim, "candidate"))
    sim.run(15)
    assert serves("1")(sim), "nobody can look at it any more, so its delay of 20 s ends with its requests"
    assert list(sim.services()) == [service(sim, "stable").name]
    assert sim.client_errors == []


@pytest.mark.long
def test_a_successor_that_does_not_come_up_is_told_and_the_deleted_one_serves() -> None:
    sim = serving()
    sim.versions["1"] = Behaviour(starts=False)
    old = service(sim, "stable")
    sim.starts[f"{old.name}-predictor"] = True
    sim.delete(old)
    sim.run(130)
    assert named(sim) == {old.name}
    assert sim.condition("Stalled")[:2] == ("True", "ReplacementNotReady")
    assert sim.condition("Ready")[0] == "True"
    assert sim.client_errors == []


@pytest.mark.long
@pytest.mark.parametrize("who", ["stable", "candidate"])
def test_a_replacement_survives_kills(who: str) -> None:
    sim = rolling("canary-10").run(2)
    uid = sim.objects[service(sim, who)]["metadata"]["uid"]
    sim.kill = always
    sim.delete(service(sim, who))
    sim.run(300, lambda s: serves("2")(s) and replaced(s))
    assert uid not in {obj["metadata"]["uid"] for obj in sim.objects.values()}
    assert sorted(sim.services()) == sorted(service(sim, name).name for name in ("stable", "previous"))
    assert sim.client_errors == []


@pytest.mark.long
@pytest.mark.parametrize("stage", TRAFFIC)
@pytest.mark.parametrize("late", [1, 3])
def test_a_foreground_deletion_of_a_candidate_costs_nothing_once_the_route_has_left_it(stage: str, late: int) -> None:
    sim = rolling(stage).run(3)
    old = service(sim, "candidate")
    sim.delete(old, foreground=True)
    for _ in range(late):
        sim.tick()
    lost = list(sim.client_errors)
    assert len(lost) == late, "its pods went with it, and the operator was late"
    sim.settle()
    assert old.name not in named(sim)
    sim.run(300, lambda s: serves("2")(s) and replaced(s))
    assert sim.client_errors == lost


@pytest.mark.long
def test_a_foreground_deletion_of_stable_is_over_with_the_first_pod_of_its_successor() -> None:
    sim = serving(warmUp="30s")
    sim.delete(service(sim, "stable"), foreground=True)
    sim.run(20)
    assert replaced(sim)
    assert 0 < len({line.split()[0] for line in sim.client_errors}) <= 6, (
        "nobody can keep its pods; the start of one takes 3 s"
    )
    assert sim.condition("Ready")[0] == "True"


@pytest.mark.long
@pytest.mark.parametrize("policy", ["Delete", "Orphan"])
def test_a_rollout_that_is_deleted_in_a_replacement_leaves_what_its_policy_says(policy: str) -> None:
    sim = serving(deletionPolicy=policy)
    old = service(sim, "stable")
    sim.delete(old)
    sim.run(2)
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    assert list(sim.services()) == ([f"{old.name}-2"] if policy == "Orphan" else [])
    if policy == "Orphan":
        assert named(sim) == {f"{old.name}-2"}
        assert sim.client_errors == []


@pytest.mark.long
def test_steady_state_after_a_replacement_writes_nothing() -> None:
    sim = serving()
    sim.delete(service(sim, "stable"))
    sim.run(60, replaced).run(5)
    before = sim.writes
    assert sim.run(120).writes == before
