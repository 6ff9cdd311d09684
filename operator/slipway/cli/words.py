"""Times, tables and gates in words for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from slipway.api.v1alpha1.rollout_status import GateResult

WIDTH = 100
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def lasting(seconds: float) -> str:
    """A duration by its two largest units: 3 d 4 h."""
    left, parts = int(max(0.0, seconds)), []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def instant(at: datetime) -> str:
    """In UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def measured(gate: GateResult) -> str:
    """What a gate found and what it must keep: 2.1% (0.5% … 6%), must be <= 5%."""
    interval = f" ({gate.low or 'unbounded'} … {gate.high or 'unbounded'})" if gate.low or gate.high else ""
    value = gate.value or "not measured"
    return f"{value}{interval}" + (f", must be {gate.bound}" if gate.bound else "")


def paragraph(text: str, indent: str = "  ", first: str = "") -> Iterator[str]:
    """Lines of at most WIDTH characters; the first begins with `first`."""
    yield from textwrap.wrap(text, WIDTH, initial_indent=first or indent, subsequent_indent=indent)


def table(rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[str]:
    """Columns as wide as their widest cell; the last is not padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield (indent + "  ".join(cells)).rstrip()
