"""A service that runs becomes stable without being touched; its rollouts, and the way out again."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.core.adoption import FOREIGN_ROUTE, LEGACY, SERVICE, Town, adopted, adopting, adopting_route
from tests.unit.core.commanded import last
from tests.unit.core.simulation import KEY, ROUTE
from tests.unit.core.specs import FAILING, in_stage, serves, spec


def spoken(town: Town) -> tuple[str, str]:
    return town.condition("Adopted")[:2]


@pytest.mark.long
def test_the_service_is_stable_and_nothing_of_it_was_written() -> None:
    town = Town(adopting())
    before = copy.deepcopy(town.objects[LEGACY])
    town.run(30)
    assert spoken(town) == ("True", "Adopted")
    stable = town.variants()["stable"]
    assert (stable["inferenceService"], stable["weight"], stable["replicas"]) == ("legacy", "100%", 2)
    assert {k: v for k, v in town.objects[LEGACY].items() if k != "status"} == {
        k: v for k, v in before.items() if k != "status"
    }
    assert town.condition("Ready")[0] == "True"
    assert town.objects[ROUTE]["spec"]["rules"][0]["backendRefs"][0]["name"] == SERVICE
    assert last(town)["reason"] == "Adopted"
    quiet = town.writes
    assert town.run(120).writes == quiet


@pytest.mark.long
def test_an_existing_route_keeps_what_is_its_owners_and_loses_no_request() -> None:
    town = adopted(adopting_route(), route=True)
    live = town.objects[ROUTE]
    assert live["metadata"]["labels"] == {"team": "a"}
    assert "ownerReferences" not in live["metadata"]
    assert (live["spec"]["hostnames"], live["spec"]["parentRefs"]) == (
        FOREIGN_ROUTE["hostnames"], FOREIGN_ROUTE["parentRefs"]
    )  # fmt: skip
    assert [each["timeouts"] for each in live["spec"]["rules"]] == [{"request": "5s"}] * 2
    assert town.client_errors == []
    assert town.condition("Ready")[0] == "True"


@pytest.mark.long
@pytest.mark.parametrize("route", [False, True], ids=["own route", "adopted route"])
def test_a_candidate_is_promoted_by_a_person_since_nobody_can_compare(route: bool) -> None:
    town = adopted(adopting_route() if route else adopting(), route=route)
    town.edit(KEY, lambda s: s.update(paused=False))
    town.run(120, in_stage("shadow")).run(120)
    assert in_stage("shadow")(town), "unknown is never a pass"
    assert "adopted service legacy reports nothing" in town.status["stage"]["message"]
    town.ask("Promote")
    town.run(120, serves("1")).run(400)
    assert set(town.variants()) == {"stable"}, "legacy was kept for its time"
    assert LEGACY in town.objects, "and is not ours to delete"
    assert not town.objects[LEGACY]["metadata"].get("deletionTimestamp")
    assert "PreviousRemoved" in town.notices
    assert town.condition("Adopted")[0] == ""
    assert town.client_errors == []


@pytest.mark.long
def test_a_bad_candidate_goes_back_to_the_adopted_service() -> None:
    town = adopted(adopting(), FAILING)
    town.edit(KEY, lambda s: s.update(paused=False, stages=spec()["stages"][1:]))
    town.run(120, in_stage("rollback"))
    assert last(town)["reason"] == "GateBreached"
    town.run(60)
    assert set(town.variants()) == {"stable"}
    assert town.variants()["stable"]["inferenceService"] == "legacy"
    assert town.client_errors == []


@pytest.mark.long
def test_a_person_goes_back_to_it_after_promotion() -> None:
    town = adopted(adopting())
    town.edit(KEY, lambda s: s.update(paused=False))
    town.run(120, in_stage("shadow")).run(2)
    town.ask("Promote")
    town.run(60, serves("1"))
    town.ask("Rollback")
    town.run(60, serves("legacy"))
    assert town.client_errors == []


def deleted(town: Town) -> None:
    """Somebody deletes the rollout, and it is gone."""
    town.delete(KEY)
    for _ in range(60):
        town.settle()
        town.tick()
        if KEY not in town.objects:
            return
    raise AssertionError("the rollout is not gone after a minute")


@pytest.mark.long
@pytest.mark.parametrize("route", [False, True], ids=["own route", "adopted route"])
def test_the_way_out_leaves_service_and_route_serving(route: bool) -> None:
    town = adopted(adopting_route() if route else adopting(deletionPolicy="Orphan"), route=route)
    deleted(town)
    for _ in range(10):
        town.tick()
    assert LEGACY in town.objects
    assert ROUTE in town.objects
    assert town.client_errors == []


@pytest.mark.long
def test_under_delete_the_rollouts_own_route_goes_and_the_service_stays() -> None:
    town = adopted(adopting())
    deleted(town)
    assert ROUTE not in town.objects
    assert not town.objects[LEGACY]["metadata"].get("deletionTimestamp")


def left_behind(**changes: Any) -> Town:
    """A rollout of the same name was orphaned, and left the service with its labels."""
    town = Town(adopting(**changes))
    town.objects[LEGACY]["metadata"]["labels"] = {"slipway.dev/rollout": "fraud", "slipway.dev/revision": "c0ffee1234"}
    return town


@pytest.mark.long
def test_what_an_orphaned_rollout_left_is_not_deleted_while_it_cannot_be_adopted() -> None:
    town = left_behind()
    unready(town)
    town.run(20)
    assert spoken(town) == ("False", "NotReady")
    assert "deletionTimestamp" not in town.objects[LEGACY]["metadata"]
    town.unready.clear()
    town.run(20)
    assert spoken(town) == ("True", "Adopted")
    assert town.variants()["stable"]["revision"] == "c0ffee1234"


@pytest.mark.long
def test_what_an_orphaned_rollout_left_is_not_deleted_with_the_one_that_adopted_it() -> None:
    town = left_behind()
    town.run(30, lambda s: s.condition("Adopted")[0] == "True")
    deleted(town)
    assert "deletionTimestamp" not in town.objects[LEGACY]["metadata"]


def without_service(town: Town) -> None:
    del town.objects[LEGACY]


def serverless(town: Town) -> None:
    town.mode = "Knative"
    town.tick()


def transforms(town: Town) -> None:
    town.objects[LEGACY]["spec"]["transformer"] = {"containers": [{}]}


def of_another(town: Town) -> None:
    town.objects[LEGACY]["metadata"]["labels"] = {"slipway.dev/rollout": "other"}


def unready(town: Town) -> None:
    town.unready["legacy"] = 2
    town.tick()


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "reason", "stalled"),
    [
        (without_service, "NotFound", "True"), (serverless, "ModeNotSupported", "True"),
        (transforms, "NotAPredictorAlone", "True"), (of_another, "BelongsToAnother", "True"),
        (unready, "NotReady", "False"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_is_said_and_nothing_is_rolled_out_beside_it(
    break_it: Any, reason: str, stalled: str
) -> None:
    town = Town(adopting(paused=False))
    break_it(town)
    town.run(20)
    assert spoken(town) == ("False", reason)
    assert town.condition("Stalled")[0] == stalled
    assert town.variants() == {}
    assert "target" not in town.status
    assert ROUTE not in town.objects


@pytest.mark.long
def test_what_was_not_ready_is_adopted_when_it_is() -> None:
    town = Town(adopting())
    unready(town)
    town.run(20)
    town.unready.clear()
    town.run(20)
    assert spoken(town) == ("True", "Adopted")


@pytest.mark.long
def test_a_route_that_is_not_there_or_does_not_lead_to_it_keeps_it_from_being_adopted() -> None:
    town = Town(adopting_route())
    town.run(20)
    assert spoken(town) == ("False", "RouteNotFound")
    other = copy.deepcopy(FOREIGN_ROUTE)
    theirs = {"name": "X-Slipway-Bucket", "type": "Exact", "value": "b"}
    other["rules"][0]["matches"][0]["headers"] = [theirs]  # type: ignore[index]
    for backend in ("legacy-predictor", "cart"):
        other["rules"][0]["backendRefs"][0]["name"] = backend  # type: ignore[index]
        town.put(ROUTE, copy.deepcopy(other))
        town.run(30)
        assert spoken(town) == ("False", "RouteNotAdoptable")
        assert town.objects[ROUTE]["spec"] == other, "and it is left as it was"


def test_somebody_who_takes_our_rule_out_of_their_route_is_told() -> None:
    town = adopted(adopting_route(), route=True)
    town.edit(ROUTE, lambda s: s.update(rules=[]))
    town.run(5)
    assert town.condition("Ready")[:2] == ("False", "RouteNotCarried")
    assert "no rule any more" in town.condition("Ready")[2]


@pytest.mark.long
@pytest.mark.parametrize("every", [1, 2])
def test_an_operator_that_dies_between_any_two_writes_adopts_all_the_same(every: int) -> None:
    town = Town(adopting_route(), route=True)
    town.kill = lambda write: write % (every + 1) != 0
    town.run(60)
    town.kill = lambda write: False
    town.run(10)
    assert spoken(town) == ("True", "Adopted")
    assert town.client_errors == []
