"""Freeze windows: `cron` says when one begins on the wall clock of its time zone, `for` how long it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

from slipway.api.v1alpha1.rollout_policy import Freeze

_MOST = 100
"""Windows that follow each other without a gap, of which the last one's end is still looked for."""

_SHIFT = timedelta(hours=3)
"""Longer than any change of a clock."""


@dataclass(frozen=True)
class Frozen:
    """The window that holds now, by name, and when the last of those that overlap it ends.

    `until` is None where nobody can say, since the time zone is not known here.
    """

    name: str
    until: datetime | None


def frozen(freezes: Sequence[Freeze], now: datetime) -> Frozen | None:
    """The freeze that holds at `now` (an aware instant); None when nothing is frozen.

    Windows are half-open: one that ends now is over. Their length is time that passes, so that a night in which the
    clocks change makes none longer or shorter. A beginning that the clocks leave out comes as much later; of one that
    they repeat the first counts. croniter's own handling of time zones is not used: it is off by the change around it.
    """
    found = _longest(freezes, now)
    if found is None or found.until is None:
        return found
    until = found.until
    for _ in range(_MOST):
        following = _longest(freezes, until)
        if following is None or following.until is None:
            break
        until = following.until
    return Frozen(found.name, until)


def _longest(freezes: Sequence[Freeze], at: datetime) -> Frozen | None:
    """Of the windows that hold at an instant, the one that ends last; an unknown end is later than all."""
    held = [each for freeze in freezes if (each := _window(freeze, at)) is not None]
    return max(held, key=lambda each: (each.until is None, each.until or at), default=None)


def _window(freeze: Freeze, at: datetime) -> Frozen | None:
    try:
        zone = ZoneInfo(freeze.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Frozen(freeze.name, None)
    start = next((each for each in _starts(freeze.cron, zone, at) if each <= at), None)
    if start is None or at >= start + freeze.length.timedelta:
        return None
    return Frozen(freeze.name, start + freeze.length.timedelta)


def _starts(cron: str, zone: ZoneInfo, at: datetime) -> Iterator[datetime]:
    """Beginnings, the latest first, from the latest that the wall clock may have shown before `at`."""
    local, before = at.astimezone(zone), (at - _SHIFT).astimezone(zone)
    back = max(timedelta(), (before.utcoffset() or timedelta()) - (local.utcoffset() or timedelta()))
    calendar = croniter(cron, local.replace(tzinfo=None) + back + timedelta(seconds=1))
    while True:
        try:
            shown: datetime = calendar.get_prev(datetime)
        except CroniterBadDateError:  # a date that does not exist, such as the 31st of February
            return
        yield shown.replace(tzinfo=zone).astimezone(UTC)
