"""A RetrainPolicy and its calendar, on a virtual clock: one run for each time, whatever happens meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.drift.policy_world import DRIFTED, RAW, STABLE, START, World

MONDAYS = {"cron": "0 3 * * 1", "timeZone": "Europe/Rome", "startingDeadline": "2h"}
MONDAY = datetime(2026, 11, 30, 3, tzinfo=ZoneInfo("Europe/Rome")).astimezone(UTC)


def scheduled(schedule: dict[str, str] | None = None, **spec: Any) -> World:
    budget = {"scheduled": 99, "triggered": 2, "per": "30d"}
    return World(spec={**RAW, "budget": budget, "schedule": schedule or MONDAYS, **spec})


def causes(world: World) -> list[tuple[str, ...]]:
    return [turn.causes for turn in reversed(world.status.turns)]


def missed(world: World) -> int:
    return world.status.calendar.missed if world.status.calendar else 0


def test_it_trains_when_the_clock_shows_the_time_and_not_before() -> None:
    world = scheduled()
    world.settle(STABLE)
    assert world.made == []
    assert world.status.next == MONDAY
    world.now = MONDAY - timedelta(seconds=1)
    assert world.step(STABLE).requeue_after == 1
    assert world.made == []
    world.now = MONDAY
    world.settle(STABLE)
    assert causes(world) == [("schedule",)]
    assert world.status.turns[0].budget == "Scheduled"
    assert world.runs[world.made[0]]["spec"]["cause"] == "Refresh"
    assert world.status.next == MONDAY + timedelta(days=7)
    world.end()
    for _ in range(6):
        world.later(24 * 60)
        world.settle(STABLE)
    assert len(world.made) == 1


def test_a_policy_without_triggers_trains_as_well_and_needs_no_prometheus() -> None:
    world = scheduled(triggers=[])
    world.now = MONDAY
    world.settle()
    assert causes(world) == [("schedule",)]


def test_what_lay_before_the_policy_is_not_made_up_for() -> None:
    world = scheduled({"cron": "0 11 * * *"})  # the policy was made an hour after it
    world.settle(STABLE)
    assert world.made == []
    assert missed(world) == 0


def test_after_an_outage_the_latest_time_counts_within_its_deadline_and_only_that() -> None:
    world = scheduled({"cron": "0 * * * *", "startingDeadline": "30m"})
    world.settle(STABLE)
    world.now = START + timedelta(hours=49, minutes=20)
    world.settle(STABLE)
    assert len(world.made) == 1
    world.end()
    world.now += timedelta(hours=5, minutes=30)
    world.settle(STABLE)
    assert len(world.made) == 1, "50 minutes late"
    assert missed(world) == 1
    assert [notice.reason for notice in world.told if notice.type == "Warning"] == ["ScheduleMissed"]


def test_a_changed_schedule_begins_now_and_the_same_one_goes_on() -> None:
    world = scheduled()
    world.now = MONDAY
    world.settle(STABLE)
    world.end()
    world.spec["schedule"] = {**MONDAYS, "cron": "0 1 * * *"}
    world.later(30)
    world.settle(STABLE)
    assert len(world.made) == 1, "01:00 lay before the change"
    world.now = MONDAY + timedelta(hours=22)
    world.settle(STABLE)
    assert len(world.made) == 2


def test_a_clock_that_goes_back_shows_no_time_twice_and_one_that_was_far_ahead_loses_none() -> None:
    world = scheduled({"cron": "0 3 * * *", "timeZone": "UTC"})
    world.now = datetime(2026, 11, 24, 3, tzinfo=UTC)
    world.settle(STABLE)
    world.end()
    world.later(-10)
    world.settle(STABLE)
    world.later(10)
    world.settle(STABLE)
    assert len(world.made) == 1
    world.now = datetime(2031, 1, 1, 3, tzinfo=UTC)  # for a moment only
    world.settle(STABLE)
    world.end()
    world.now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    world.settle(STABLE)
    assert len(world.made) == 2
    world.now = datetime(2026, 11, 25, 3, tzinfo=UTC)
    world.settle(STABLE)
    assert len(world.made) == 3


def test_a_drift_while_the_calendar_trains_joins_its_run_and_the_other_way_round() -> None:
    world = scheduled()
    world.now = MONDAY
    world.settle(STABLE)
    world.settle(DRIFTED)
    assert causes(world) == [("schedule", "inputs")]
    assert len(world.made) == 1

    other = scheduled()
    other.now = MONDAY - timedelta(minutes=10)
    other.settle(DRIFTED)
    other.now = MONDAY
    other.settle(DRIFTED)
    assert causes(other) == [("inputs", "schedule")]
    other.end()
    other.later(15)
    other.settle(STABLE)
    assert len(other.made) == 1, "the time on the calendar has been answered"


def test_both_at_once_are_one_run_that_the_calendar_pays_for() -> None:
    world = scheduled()
    world.now = MONDAY
    world.settle(DRIFTED)
    assert causes(world) == [("schedule", "inputs")]
    assert world.status.budget is not None
    assert (world.status.budget.scheduled, world.status.budget.triggered) == (1, 0)


def test_an_emergency_never_starves_behind_the_calendar() -> None:
    world = scheduled({"cron": "0 * * * *"}, budget={"scheduled": 2, "triggered": 1, "per": "30d"})
    for _ in range(5):
        world.now = (world.now + timedelta(hours=1)).replace(minute=0)
        world.settle(STABLE)
        if world.status.turns and world.status.turns[0].ended_at is None and world.made:
            world.end()
    assert len(world.made) == 2
    world.later(30)
    world.settle(DRIFTED)
    assert world.status.turns[0].budget == "Triggered"
    assert len(world.made) == 3


@pytest.mark.parametrize("obstacle", ["suspend", "damage", "rollout"])
def test_what_is_held_back_beyond_the_deadline_is_left_out_and_told(obstacle: str) -> None:
    world = scheduled()
    if obstacle == "suspend":
        world.spec["suspend"] = True
    elif obstacle == "damage":
        world.damage = ("feature amount: 60% of the values are missing",)
    else:
        world.settle(DRIFTED)
        world.end()
        world.served = world.served and type(world.served)("r1", gated=("7",))
    world.now = MONDAY
    world.settle(STABLE)
    before = len(world.made)
    world.later(121)
    world.settle(STABLE)
    assert len(world.made) == before
    assert missed(world) == 1


def test_what_is_held_back_for_less_than_the_deadline_is_made_up_for() -> None:
    world = scheduled()
    world.damage = ("feature amount: 60% of the values are missing",)
    world.now = MONDAY
    world.settle(STABLE)
    assert world.status.state == "DataQualityHold"
    world.later(60)
    world.damage = ()
    world.settle(STABLE)
    assert causes(world) == [("schedule",)]
