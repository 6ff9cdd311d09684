"""The regular expression that sends an entity's bucket header to the candidate.

Revision number r assigns by the three hex digits at offset 5r mod 60 of the header's 64, read as a cell of 4,096. The
candidate has the cells [0, k): a range is a few character classes, so the expression stays short for every k.

No revision reads the digits from 60 on: those at 60, 61 and 62 are the cells of the hold-out, so that who is held out
has nothing to do with who is in which arm, or in which analysis cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CELLS = 4096
HOLDOUT_OFFSET = 60
_DIGITS = "0123456789abcdef"
_ANY = "[0-9a-fA-F]"


def offset(number: int) -> int:
    """Where the digits of revision `number` begin."""
    return 5 * number % 60


def cells_of(share: Decimal) -> int:
    """How many cells a share takes: at least one, and one is left to stable."""
    return min(CELLS - 1, max(1, round(share * CELLS)))


def _some(first: int, limit: int) -> str:
    """A class of the hex digits from `first` to below `limit` (1..16), in both cases."""
    if limit - first == 1:
        return _digit(first)
    low, letters = _DIGITS[first : min(limit, 10)], _DIGITS[max(first, 10) : limit]
    text = low if len(low) < 3 else f"{low[0]}-{low[-1]}"
    return f"[{text}{letters}{letters.upper()}]"


def _digit(value: int) -> str:
    digit = _DIGITS[value]
    return digit if digit.isdigit() else f"[{digit}{digit.upper()}]"


def _between(first: int, limit: int) -> list[str]:
    """Alternatives for the three digits of the cells from `first` to below `limit`: at most five, in their order."""
    found = []
    while first < limit:
        if first % 256 == 0 and limit - first >= 256:
            end = limit // 256 * 256
            found.append(_some(first >> 8, end >> 8) + _ANY * 2)
        elif first % 16 == 0 and limit - first >= 16:
            end = min(limit // 16 * 16, (first // 256 + 1) * 256)
            found.append(_digit(first >> 8) + _some(first >> 4 & 15, (end - 1 >> 4 & 15) + 1) + _ANY)
        else:
            end = min(limit, (first // 16 + 1) * 16)
            found.append(_digit(first >> 8) + _digit(first >> 4 & 15) + _some(first & 15, (end - 1 & 15) + 1))
        first = end
    return found


def pattern(number: int, cells: int, spared: Cells | None = None) -> str:
    """Matches the whole header of exactly the entities whose cell for revision `number` is under `cells`, without those
    of the hold-out that are `spared`.

    Raises ValueError unless 1 <= cells < 4096.
    """
    if not 1 <= cells < CELLS:
        raise ValueError(f"cells must be from 1 to {CELLS - 1}, got {cells}")
    before = offset(number)
    head = f"{_ANY}{{{before}}}" if before else ""
    assigned = f"{head}({'|'.join(_between(0, cells))})"
    if spared is None:
        return f"{assigned}{_ANY}{{{64 - before - 3}}}"
    others = Cells((spared.first + spared.count) % CELLS, CELLS - spared.count)
    return f"{assigned}{_ANY}{{{HOLDOUT_OFFSET - before - 3}}}({others.alternatives}){_ANY}"


@dataclass(frozen=True)
class Cells:
    """Cells of the hold-out: `count` of them from `first` on, beyond the last one from 0 on.

    Raises ValueError unless 0 <= first < 4096 and 1 <= count < 4096.
    """

    first: int
    count: int

    def __post_init__(self) -> None:
        if not (0 <= self.first < CELLS and 1 <= self.count < CELLS):
            raise ValueError(f"no cells of a hold-out: {self.count} from {self.first} on")

    @property
    def alternatives(self) -> str:
        """What the three digits may be."""
        end = self.first + self.count
        parts = [*_between(self.first, min(end, CELLS)), *_between(0, max(0, end - CELLS))]
        return "|".join(parts)

    @property
    def pattern(self) -> str:
        """Matches the whole header of exactly the entities that are held out."""
        return f"{_ANY}{{{HOLDOUT_OFFSET}}}({self.alternatives}){_ANY}"
