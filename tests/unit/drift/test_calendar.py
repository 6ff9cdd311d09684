"""The calendar, compared with a scan of the minutes: no time is lost and none comes twice, whatever the clock does."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.core.calendar import latest_start, next_start, zone_of

ROME = ZoneInfo("Europe/Rome")
ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "UTC")
TURNS = tuple(datetime(2026, *day, tzinfo=UTC) for day in ((3, 8), (3, 29), (10, 25), (11, 1), (4, 4, 12), (10, 3, 12)))
STEP = timedelta(minutes=1)


def rome(*when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=ROME, fold=fold).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 3 * * 1", rome(2026, 11, 29, 12), rome(2026, 11, 30, 3)),
        ("30 2 * * *", rome(2026, 3, 28, 12), rome(2026, 3, 29, 3, 30)),
        ("30 2 * * *", rome(2026, 10, 24, 12), rome(2026, 10, 25, 2, 30)),
        ("30 2 * * *", rome(2026, 10, 25, 2, 30), rome(2026, 10, 26, 2, 30)),
        ("30 * * * *", rome(2026, 10, 25, 2, 30), rome(2026, 10, 25, 2, 30, fold=1)),
        ("@weekly", rome(2026, 11, 24), rome(2026, 11, 29)),
    ],
)
def test_the_next_start_is_on_the_wall_clock(cron: str, after: datetime, expected: datetime) -> None:
    assert next_start(cron, ROME, after) == expected
    assert latest_start(cron, ROME, expected) == expected


def test_what_never_comes_and_where_nobody_knows() -> None:
    assert next_start("0 0 31 2 *", ROME, rome(2026, 3, 1)) is None
    assert latest_start("0 0 31 2 *", ROME, rome(2026, 3, 1)) is None
    assert zone_of("Europe/Atlantis") is None


def scanned(cron_hour: str, minute: int, zone: ZoneInfo, begin: datetime, minutes: int) -> list[datetime]:
    """Every minute of a span at which the clock shows the time; one that it leaves out as much later."""
    found = set()
    for shift in range(-180, minutes + 180):
        at = begin + shift * STEP
        shown = at.astimezone(zone)
        if cron_hour == "*":
            hit = shown.minute == minute
        else:
            hit = (shown.hour, shown.minute) == (int(cron_hour), minute) and shown.fold == 0
        if hit:
            found.add(at)
    for days in range(-1, 3):
        day = begin.astimezone(zone) + timedelta(days=days)
        for hour in range(24) if cron_hour == "*" else (int(cron_hour),):
            found.add(day.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0).astimezone(UTC))
    return sorted(each for each in found if begin < each <= begin + minutes * STEP)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES), st.sampled_from(TURNS), st.integers(-600, 300), st.sampled_from(["*", "1", "2", "3", "14"]),
    st.integers(0, 59),
)  # fmt: skip
def test_it_agrees_with_a_scan_of_the_minutes(
    zone_name: str, turn: datetime, offset: int, hour: str, minute: int
) -> None:
    zone, begin = ZoneInfo(zone_name), turn + timedelta(minutes=offset)
    cron, expected = f"{minute} {hour} * * *", scanned(hour, minute, zone, begin, 720)
    at, walked = begin, []
    while (found := next_start(cron, zone, at)) is not None and found <= begin + 720 * STEP:
        walked.append(found)
        at = found
    assert walked == expected
    for early, late in itertools.pairwise(walked):
        assert latest_start(cron, zone, late - STEP) == early
