"""What the Job that compares pairs says, made of how many pairs agree and which are flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Told:
    """Pairs of as many entities: flagged by both, by the candidate alone, by stable alone, by neither; and stable's
    requests that have no partner."""

    both: int = 400
    ours: int = 10
    theirs: int = 10
    neither: int = 580
    lost: int = 0
    apart: float = 0.01
    effect: float | None = 1.0

    @property
    def pairs(self) -> int:
        """All pairs."""
        return self.both + self.ours + self.theirs + self.neither


def sums(y: float, n: float, joint: float, clusters: float, effect: float | None = 1.0) -> list[float | None]:
    """Of clusters with one pair each: zeros and ones are their own squares."""
    return [clusters, y, n, y, n, joint, effect]


def pair_words(told: Told) -> dict[str, Any]:
    """The member `pairs` of the words."""
    ours, theirs, either = told.both + told.ours, told.both + told.theirs, told.both + told.ours + told.theirs
    equal, pairs, rows = told.both + told.neither, told.pairs, told.pairs + told.lost
    far = told.apart * pairs
    agreement = sums(equal, pairs, equal, pairs, told.effect)
    figures = {
        "agreement": agreement,
        "positive_rate_ratio": sums(ours, theirs, told.both, either, told.effect),
        "flagged_overlap": sums(told.both, either, told.both, either, told.effect),
        "score_distance": [pairs, far, pairs, 2 * told.apart * far, pairs, far, told.effect],
        "pair_coverage": sums(pairs, rows, pairs, rows, 1.0),
    }
    slices = [{"column": "country", "value": "it", "pairs": pairs, "figures": {"agreement": agreement}}]
    return {
        "rows": rows, "shadow": pairs, "pairs": pairs, "repeated": 0, "unit": "entities", "spread": 1, "share": 1,
        "figures": figures, "slices": slices,
    }  # fmt: skip
