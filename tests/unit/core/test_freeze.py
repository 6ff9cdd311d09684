"""Freeze windows on the wall clock of their zone, also where it jumps; compared with a scan minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_policy import Freeze
from slipway.core.rollout.freeze import frozen

ROME = ZoneInfo("Europe/Rome")


def freeze(cron: str, length: str, zone: str = "Europe/Rome", name: str = "weekend") -> Freeze:
    return Freeze.model_validate({"name": name, "cron": cron, "for": length, "timeZone": zone})


WEEKEND = freeze("0 16 * * 5", "64h")


def rome(*when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=ROME, fold=fold).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (rome(2026, 11, 27, 15, 59, 59), None),
        (rome(2026, 11, 27, 16), rome(2026, 11, 30, 8)),
        (rome(2026, 11, 29, 12), rome(2026, 11, 30, 8)),
        (rome(2026, 11, 30, 7, 59, 59), rome(2026, 11, 30, 8)),
        (rome(2026, 11, 30, 8), None),
        (rome(2026, 7, 3, 16), rome(2026, 7, 6, 8)),
    ],
)
def test_a_weekend(now: datetime, until: datetime | None) -> None:
    found = frozen([WEEKEND], now)
    assert (found.until if found else None) == until


def test_the_length_is_time_that_passes_also_when_the_clocks_change() -> None:
    in_autumn = frozen([WEEKEND], rome(2026, 10, 24, 12))
    in_spring = frozen([WEEKEND], rome(2026, 3, 28, 12))
    assert in_autumn is not None
    assert in_spring is not None
    assert in_autumn.until == rome(2026, 10, 26, 7), "the night had an hour more"
    assert in_spring.until == rome(2026, 3, 30, 9), "the night had an hour less"


def test_a_beginning_that_the_clocks_leave_out_comes_later_and_one_that_they_repeat_counts_once() -> None:
    nightly = freeze("30 2 * * *", "30m")
    assert frozen([nightly], rome(2026, 3, 29, 1, 59)) is None
    assert frozen([nightly], rome(2026, 3, 29, 3, 15)) is None
    left_out = frozen([nightly], rome(2026, 3, 29, 3, 30))
    assert left_out is not None
    assert left_out.until == rome(2026, 3, 29, 4)
    first = frozen([nightly], rome(2026, 10, 25, 2, 45))
    assert first is not None
    assert first.until == rome(2026, 10, 25, 2, fold=1)
    assert frozen([nightly], rome(2026, 10, 25, 2, 45, fold=1)) is None
    late = frozen([freeze("45 2 * * *", "1h")], rome(2026, 10, 25, 2, 15, fold=1))
    assert late is not None, "it began at 2:45 of the first pass, which the clock shows again later"


def test_windows_that_follow_each_other_end_together() -> None:
    both = [WEEKEND, freeze("0 8 * * 1", "4h", name="monday")]
    found = frozen(both, rome(2026, 11, 28, 12))
    assert found is not None
    assert (found.name, found.until) == ("weekend", rome(2026, 11, 30, 12))


def test_what_never_begins_freezes_nothing_and_an_unknown_zone_freezes_for_good() -> None:
    assert frozen([freeze("0 0 31 2 *", "24h")], rome(2026, 3, 1)) is None
    assert frozen([], rome(2026, 3, 1)) is None
    unknown = frozen([freeze("0 0 * * *", "1h", zone="Europe/Atlantis"), WEEKEND], rome(2026, 11, 28))
    assert unknown is not None
    assert unknown.until is None, "unknown is not success"


ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "UTC")
TURNS = (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC),
         datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC),
         datetime(2026, 10, 3, 12, tzinfo=UTC))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES), st.sampled_from(TURNS), st.integers(-600, 900), st.integers(0, 23), st.integers(0, 59),
    st.integers(1, 300),
)  # fmt: skip
def test_it_agrees_with_a_scan_of_the_minutes(
    zone: str, turn: datetime, offset: int, hour: int, minute: int, length: int
) -> None:
    now = turn + timedelta(minutes=offset)
    found = frozen([freeze(f"{minute} {hour} * * *", f"{length}m", zone)], now)
    assert (found is not None) == scanned(ZoneInfo(zone), now, hour, minute, length)


def scanned(zone: ZoneInfo, now: datetime, hour: int, minute: int, length: int) -> bool:
    """Whether a beginning lies in the last `length` minutes: one for each date on which the clock shows the time, at
    its first pass, or as much later as the clock leaves out."""
    for days in range(-2, 2):
        shown = (now.astimezone(zone) + timedelta(days=days)).replace(hour=hour, minute=minute, fold=0)
        begun = shown.astimezone(UTC)
        if begun <= now < begun + timedelta(minutes=length):
            return True
    return False
