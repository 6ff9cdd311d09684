"""Freeze windows: `cron` says when one begins on the wall clock of its time zone, `for` how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.rollout_policy import Freeze
from slipway.core.calendar import starts_back, zone_of

_MOST = 100
"""Windows that follow each other without a gap, of which the last one's end is still looked for."""


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
    clocks change makes none longer or shorter. When one begins in such a night says `core/calendar.py`.
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
    zone = zone_of(freeze.time_zone)
    if zone is None:
        return Frozen(freeze.name, None)
    start = next((each for each in starts_back(freeze.cron, zone, at) if each <= at), None)
    if start is None or at >= start + freeze.length.timedelta:
        return None
    return Frozen(freeze.name, start + freeze.length.timedelta)
