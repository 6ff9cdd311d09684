"""A RetrainPolicy never goes on in a frenzy: what does not help, or undoes itself, ends it until a person says so."""

from __future__ import annotations

import pytest

from tests.unit.drift.policy_world import BLIND, DRIFTED, RAW, STABLE, World, condition


def roomy() -> World:
    return World(spec={**RAW, "budget": {"triggered": 50, "scheduled": 50, "per": "90d"}})


def test_two_emergency_runs_that_did_not_improve_freeze_the_policy() -> None:
    world = roomy()
    world.turn("7")
    world.turn("8")
    for _ in range(20):
        world.settle(DRIFTED)
        world.later(60)
    assert len(world.made) == 2
    assert world.status.state == "Frozen"
    assert condition(world, "Frozen") == ("True", "NotImproving")
    assert condition(world, "Stalled") == ("True", "Frozen")
    (told,) = [notice for notice in world.told if notice.reason == "Frozen"]
    assert told.type == "Warning"
    assert world.made[0] in told.message
    assert world.made[1] in told.message


def test_runs_that_made_the_drift_cease_are_no_reason_to_freeze() -> None:
    world = roomy()
    for version in "78":
        world.turn(version)
        world.settle(STABLE)
    world.settle(DRIFTED)
    assert len(world.made) == 3


def test_what_nobody_measured_has_not_ceased() -> None:
    world = roomy()
    for version in "78":
        world.turn(version)
        world.settle(BLIND)
    world.settle(DRIFTED)
    assert len(world.made) == 2
    assert world.status.state == "Frozen"


def test_drift_from_the_new_reference_freezes_at_once_instead_of_looping() -> None:
    world = roomy()
    world.turn("7", promoted=True)
    world.settle(DRIFTED)
    assert len(world.made) == 1
    assert condition(world, "Frozen") == ("True", "DriftsFromNewReference")
    assert "version 7" in world.status.message


def test_a_way_back_after_a_promotion_freezes() -> None:
    world = roomy()
    world.turn("7", promoted=True)
    world.roll_back("7")
    world.settle(STABLE)
    assert world.status.flips == 1
    assert condition(world, "Frozen") == ("True", "Oscillation")
    world.later(60)
    world.settle(DRIFTED)
    assert len(world.made) == 1


def test_a_candidate_that_never_served_is_no_flip() -> None:
    world = roomy()
    world.turn("7")
    world.roll_back("7")
    world.settle(STABLE)
    assert world.status.flips == 0
    assert world.status.frozen is None


def test_a_digest_that_comes_back_by_promotion_is_a_flip() -> None:
    world = roomy()
    for version, digest in (("1", "a"), ("2", "b"), ("3", "a")):
        world.promote(version, digest)
        world.later(60)
    world.settle(STABLE)
    assert condition(world, "Frozen") == ("True", "Oscillation")


def test_what_lies_more_than_two_weeks_back_counts_no_more() -> None:
    world = roomy()
    world.turn("7", promoted=True)
    world.roll_back("7")
    world.later(15 * 24 * 60)
    world.settle(STABLE)
    assert world.status.frozen is None


def test_three_promotions_of_triggered_runs_in_two_weeks_freeze_and_those_of_the_calendar_do_not() -> None:
    world = roomy()
    for version in "789":
        world.turn(version, promoted=True)
        world.settle(STABLE)
    assert condition(world, "Frozen") == ("True", "TooManyPromotions")

    calm = World(spec={**RAW, "budget": {"scheduled": 50, "per": "90d"}, "schedule": {"cron": "0 12 * * *"}})
    for version in "789":
        calm.later(24 * 60)
        calm.settle(STABLE)
        calm.end(version=version)
        calm.promote(version)
        calm.settle(STABLE)
    assert len(calm.made) == 3
    assert calm.status.frozen is None


def test_only_a_request_lifts_it_and_what_lay_before_counts_no_more() -> None:
    world = roomy()
    world.turn("7", promoted=True)
    world.settle(DRIFTED)
    world.settle(STABLE)
    assert world.status.state == "Frozen", "the end of the drift lifts nothing"
    world.ask()
    world.settle(STABLE)
    assert world.status.frozen is None
    assert world.status.state == "Healthy"
    (answer,) = world.status.requests
    assert (answer.outcome, answer.why, answer.requester) == ("Applied", "Unfrozen", "ada")
    world.settle(DRIFTED)
    assert len(world.made) == 2, "it is a policy like any other again"


def test_a_request_to_a_policy_that_is_not_frozen_is_refused_and_each_is_answered_once() -> None:
    world = roomy()
    world.ask("one")
    world.settle(STABLE)
    world.turn("7", promoted=True)
    world.settle(DRIFTED)
    assert world.status.frozen is not None, "an old request lifts no later freeze"
    world.ask("two")
    world.settle(DRIFTED)
    assert [(each.name, each.why) for each in world.status.requests] == [("two", "Unfrozen"), ("one", "NotFrozen")]


def test_a_flood_of_requests_leaves_room_for_the_next_one() -> None:
    world = roomy()
    for number in range(60):
        world.ask(f"flood-{number:02d}")
    world.step(STABLE)
    assert len(world.status.requests) == 50
    world.requests = world.requests[50:]  # the others have been told
    for _ in range(2):
        world.step(STABLE)
    assert {f"flood-{number}" for number in range(50, 60)} <= {each.name for each in world.status.requests}
    world.requests = ()
    world.ask("last")
    world.step(STABLE)
    assert world.status.requests[0].name == "last"


@pytest.mark.parametrize("look", [DRIFTED, STABLE, BLIND])
def test_broken_data_means_hold_and_never_a_run(look: object) -> None:
    world = roomy()
    world.damage = ("feature amount: 60% of the values are missing",)
    for _ in range(10):
        world.settle(look)  # type: ignore[arg-type]
        world.later(30)
    assert world.made == []
    assert world.status.state == "DataQualityHold"
    assert condition(world, "DataQuality") == ("False", "DataQualityHold")
    world.damage = ()
    world.settle(DRIFTED)
    assert len(world.made) == 1


def test_broken_data_is_not_whole_because_nobody_can_look_at_it() -> None:
    world = roomy()
    world.spec |= {"schedule": {"cron": "*/30 * * * *", "startingDeadline": "1h"}}
    world.damage = ("feature amount: more than half of the values are missing",)
    world.settle(STABLE)
    world.damage = ()
    for _ in range(4):
        world.later(20)
        world.settle(BLIND)
    assert world.made == []
    assert world.status.state == "DataQualityHold"
    before = world.status
    world.step(BLIND)
    assert world.status == before
    world.settle(STABLE)
    assert world.status.turns[0].causes == ("schedule",)
