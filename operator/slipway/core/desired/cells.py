"""The regular expression that sends an entity's bucket header to the candidate.

Revision number r assigns by the three hex digits at offset 5r mod 60 of the header's 64, read as a cell of 4,096. The
candidate has the cells [0, k): a range is a few character classes, so the expression stays short for every k.
"""

from __future__ import annotations

from decimal import Decimal

CELLS = 4096
_DIGITS = "0123456789abcdef"
_ANY = "[0-9a-fA-F]"


def offset(number: int) -> int:
    """Where the digits of revision `number` begin."""
    return 5 * number % 60


def cells_of(share: Decimal) -> int:
    """How many cells a share takes: at least one, and one is left to stable."""
    return min(CELLS - 1, max(1, round(share * CELLS)))


def _below(limit: int) -> str:
    """A class of the hex digits under `limit` (1..16), in both cases."""
    low = _DIGITS[: min(limit, 10)]
    text = low if len(low) < 3 else f"{low[0]}-{low[-1]}"
    letters = _DIGITS[10:limit]
    return f"[{text}{letters}{letters.upper()}]" if letters or len(text) > 1 else text


def _digit(value: int) -> str:
    digit = _DIGITS[value]
    return digit if digit.isdigit() else f"[{digit}{digit.upper()}]"


def pattern(number: int, cells: int) -> str:
    """Matches the whole header of exactly the entities whose cell for revision `number` is under `cells`.

    Raises ValueError unless 1 <= cells < 4096.
    """
    if not 1 <= cells < CELLS:
        raise ValueError(f"cells must be from 1 to {CELLS - 1}, got {cells}")
    first, second, third = cells >> 8, cells >> 4 & 15, cells & 15
    ranges = []
    if first:
        ranges.append(_below(first) + _ANY * 2)
    if second:
        ranges.append(_digit(first) + _below(second) + _ANY)
    if third:
        ranges.append(_digit(first) + _digit(second) + _below(third))
    before = offset(number)
    head = f"{_ANY}{{{before}}}" if before else ""
    return f"{head}({'|'.join(ranges)}){_ANY}{{{64 - before - 3}}}"
