"""Cron on the wall clock of a time zone, also in the nights in which that clock jumps.

croniter's own handling of time zones is not used: it is off by the change around it. So it is asked for wall times
only, and what the clock shows is put on the axis of time here. A time that the clock leaves out comes as much later; of
one that it shows twice the first counts, unless the hour is a wildcard: what is to happen every hour does so in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

_SHIFT = timedelta(hours=3)
"""Longer than any change of a clock."""

_HOUR = 1
"""Place of the hour among the fields."""


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone; None where it is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def starts_back(cron: str, zone: ZoneInfo, at: datetime) -> Iterator[datetime]:
    """Instants of the wall times that the clock may have shown until `at`, the latest wall time first.

    Some may lie after `at`. Of a time that the clock shows twice the first is meant.
    """
    calendar = croniter(cron, _wall(at, zone) + _set_back(zone, at - _SHIFT, at) + timedelta(seconds=1))
    for shown in _walk(calendar.get_prev):
        yield _first(shown, zone)


def latest_start(cron: str, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The latest instant at or before `at`; None where there is none."""
    if not _turns_near(zone, at):
        return next((each for each in starts_back(cron, zone, at) if each <= at), None)
    calendar = croniter(cron, _wall(at, zone) + _SHIFT)
    before = [each for shown in _near(calendar.get_prev, at, zone) for each in _instants(cron, shown, zone)]
    return max((each for each in before if each <= at), default=None)


def next_start(cron: str, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The first instant after `at`; None where there is none."""
    calendar = croniter(cron, _wall(at, zone) - _SHIFT)
    found: datetime | None = None
    for shown in _walk(calendar.get_next):
        if found is not None and shown > _wall(found, zone) + _SHIFT:
            break
        later = [each for each in _instants(cron, shown, zone) if each > at]
        found = min([*later, *([found] if found else [])], default=None)
        if found is not None and not _turns_near(zone, found):
            break
    return found


def _near(step: Callable[[type], Any], at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Wall times back from the calendar's place until one is surely before `at`, that one included."""
    for shown in _walk(step):
        yield shown
        if _first(shown, zone) <= at - _SHIFT:
            return


def _walk(step: Callable[[type], Any]) -> Iterator[datetime]:
    while True:
        try:
            shown: datetime = step(datetime)
        except CroniterBadDateError:  # a date that does not exist, such as the 31st of February
            return
        yield shown


def _instants(cron: str, shown: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    first, second = _first(shown, zone), shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    every_hour = cron == "@hourly" or (not cron.startswith("@") and cron.split()[_HOUR].startswith("*"))
    return (first, second) if every_hour and second > first else (first,)


def _first(shown: datetime, zone: ZoneInfo) -> datetime:
    return shown.replace(tzinfo=zone).astimezone(UTC)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _set_back(zone: ZoneInfo, before: datetime, after: datetime) -> timedelta:
    """By how much the clock was set back between two instants."""
    return max(timedelta(), _offset(zone, before) - _offset(zone, after))


def _turns_near(zone: ZoneInfo, at: datetime) -> bool:
    return len({_offset(zone, at + side) for side in (-2 * _SHIFT, timedelta(), 2 * _SHIFT)}) > 1


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
