"""The schedule of a policy: which of its times is due, which were missed, and which comes next.

Only the latest time that has passed counts, and only within `startingDeadline`: after an outage of a month one run
makes up for all. What is acted on or left out is written down by its time on the calendar, so no time is acted on
twice, whatever is killed and however the clock jumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.retrain_status import Calendar
from slipway.api.v1alpha1.retrainpolicy import Schedule
from slipway.core.calendar import latest_start, next_start, zone_of


@dataclass(frozen=True)
class Times:
    """What the calendar says now: the time that is due, whether it is too late for it, and the next one."""

    calendar: Calendar | None
    due: datetime | None = None
    late: bool = False
    next: datetime | None = None


def times(schedule: Schedule | None, before: Calendar | None, created: datetime, now: datetime) -> Times:
    """The calendar at `now`. A schedule that is new or changed begins now; a new policy's began with the policy."""
    zone = zone_of(schedule.time_zone) if schedule is not None else None
    if schedule is None or zone is None:
        return Times(before)
    coming = next_start(schedule.cron, zone, now)
    text = f"{schedule.cron} {schedule.time_zone}"
    calendar = before or Calendar(schedule=text, since=created)
    if calendar.schedule != text or _went_back(calendar, now, coming):
        calendar = Calendar(schedule=text, since=now, missed=calendar.missed)
    latest = latest_start(schedule.cron, zone, now)
    floor = max(at for at in (calendar.since, calendar.last, created) if at is not None)
    if latest is None or latest <= floor:
        return Times(calendar, next=coming)
    return Times(calendar, latest, now - latest > schedule.starting_deadline.timedelta, coming)


def passed(calendar: Calendar, slot: datetime, missed: bool = False) -> Calendar:
    """The calendar once a time on it was acted on, or left out."""
    return calendar.model_copy(update={"last": slot, "missed": calendar.missed + missed})


def _went_back(calendar: Calendar, now: datetime, coming: datetime | None) -> bool:
    """Whether the clock was ahead by so much that waiting for it would leave out times that are yet to come.

    One that was ahead by less shows the same time once more, and that is not acted on again.
    """
    ahead = max((at for at in (calendar.since, calendar.last) if at is not None), default=now)
    return ahead > now and coming is not None and coming < ahead
