"""Cron expressions as Kubernetes reads them: robfig/cron's standard parser."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)


def cron_fault(text: str) -> str:
    """What is wrong with an expression of five fields; empty when nothing is. `@daily` and the like are right."""
    if text.startswith("@"):
        return ""
    for (name, least, most, names), field in zip(_FIELDS, text.split(), strict=False):
        for part in field.split(","):
            fault = _part(part, least, most, names)
            if fault:
                return f"the {name} {part!r} {fault}"
    return _never(text.split())


def zone_fault(name: str) -> str:
    """What is wrong with a time zone; empty when nothing is, or when this machine has no database of them."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        if zoneinfo.available_timezones():
            return f"{name!r} is no time zone of the IANA database, such as Europe/Rome"
    return ""


def _never(fields: list[str]) -> str:
    """A day that no named month has never comes; with a day of the week as well, either of the two suffices."""
    _, _, day, month, weekday = fields
    if weekday.startswith("*"):
        months = tuple(_values(month, *_FIELDS[3][1:]))
        if not any(each <= _LONGEST[one - 1] for each in _values(day, *_FIELDS[2][1:]) for one in months):
            return f"it never comes: no month of {month!r} has a day {day!r}"
    return ""


def _values(field: str, least: int, most: int, names: tuple[str, ...]) -> Iterator[int]:
    for part in field.split(","):
        span, _, step = part.partition("/")
        ends = [least, most] if span == "*" else [int(_value(end, least, names) or 0) for end in span.split("-")]
        last = ends[-1] if len(ends) == 2 or not step else most
        yield from range(ends[0], last + 1, int(step or 1))


def _part(part: str, least: int, most: int, names: tuple[str, ...]) -> str:
    span, _, step = part.partition("/")
    if "/" in part and not (step.isdigit() and int(step) > 0):
        return "must have a step that is a number above 0"
    if span == "*":
        return ""
    ends = [_value(end, least, names) for end in span.split("-")]
    if len(ends) > 2 or any(end is None for end in ends):
        listed = f", or {names[0]} to {names[-1]}" if names else ""
        return f"must be *, a number from {least} to {most}{listed}, or a range of two"
    numbers = [end for end in ends if end is not None]
    if not all(least <= number <= most for number in numbers):
        return f"must be from {least} to {most}"
    return "must not begin after its end" if numbers != sorted(numbers) else ""


def _value(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return least + names.index(text.lower())
    return int(text) if text.isdigit() else None
