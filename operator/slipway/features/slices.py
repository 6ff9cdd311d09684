"""Slices: values of features whose rows are counted by themselves, bounded so that a label's cardinality is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST_VALUES = 50  # of all columns together
OTHER = "other"


@dataclass(frozen=True)
class SliceColumn:
    """One feature and those of its values, as `spelled` writes them, that have a slice; all others share `other`."""

    name: str
    values: tuple[str, ...]


def spelled(value: str | float | None) -> str | None:
    """A value as the name of its slice: whole numbers without a point; None for a missing one."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def slice_column(name: str, values: Iterable[str]) -> SliceColumn:
    """A column whose slices are these values, each once; a value that is itself called `other` shares that slice."""
    return SliceColumn(name, tuple(value for value in dict.fromkeys(values) if value != OTHER))


def bounded(counts: Iterable[tuple[str, str, int]], columns: Iterable[str]) -> tuple[SliceColumn, ...]:
    """The most frequent values, 50 of all columns together; `counts` are (column, value, rows)."""
    named = [one for one in counts if one[1] != OTHER]
    kept = sorted(named, key=lambda one: (-one[2], one[0], one[1]))[:MOST_VALUES]
    return tuple(slice_column(name, (value for column, value, _ in kept if column == name)) for name in columns)
