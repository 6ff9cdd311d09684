"""Whether the test rows can prove a criterion at all: asked before they are opened, since they open once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc, ndtri

from slipway_pipelines.criteria import Criterion, Part
from slipway_pipelines.metrics import Metric, Rows
from slipway_pipelines.wilson import wilson_lower, wilson_upper

_POWER = 0.8
_MOST = 10_000_000
_SHARES = frozenset({"recall", "precision", "specificity", "accuracy"})


@dataclass(frozen=True)
class Shortfall:
    """A part of a criterion that the test rows are too few for.

    Attributes:
        expected: independent rows (or entities) of the test that will bear on it, as validation suggests.
        needed: how many a proof takes; None where no number suffices.
    """

    criterion: str
    part: Part
    expected: int
    needed: int | None

    def __str__(self) -> str:
        part = f"{self.part.metric} {self.part.op} {self.part.bound:g}"
        needed = f"takes about {self.needed}" if self.needed is not None else "is beyond any number of"
        return (
            f"criterion {self.criterion!r}: to prove {part} {needed} independent test rows that bear on "
            f"{self.part.metric}, and there are about {self.expected}"
        )


def shortfalls(
    criteria: Iterable[Criterion], metrics: Mapping[str, Metric], validation: Rows, clusters: np.ndarray, test_rows: int
) -> tuple[Shortfall, ...]:
    """The parts that even a model as good as validation leaves possible would prove less than four times in five.

    Shares alone can be foreseen; other metrics are judged when they are measured. A part that validation says will
    fail is none of these: its rows suffice, the model does not.

    Args:
        clusters: the entity's code of each validation row.
        test_rows: rows of the test; their labels are not looked at.
    """
    found = []
    for criterion in criteria:
        for part in criterion.parts:
            if part.metric in _SHARES and part.wants_more and not part.against and len(validation):
                metric = metrics[part.metric]
                value = float(metric.compute(validation, np.ones((1, len(validation))))[0])
                units = min(len(np.unique(clusters[mask])) for mask in metric.support(validation))
                found.append(_shortfall(criterion, part, value, units, units * test_rows / len(validation)))
    return tuple(one for one in found if one is not None)


def _shortfall(criterion: Criterion, part: Part, value: float, units: int, expected: float) -> Shortfall | None:
    z = float(ndtri(criterion.confidence))
    truth = min(float(wilson_upper(value, units, z)), 1.0) if units and math.isfinite(value) else 1.0
    there = math.floor(expected + 0.5)
    if truth <= part.bound < 1 or proof_power(there, truth, part.bound, z) >= _POWER:
        return None
    return Shortfall(criterion.name, part, there, _needed(truth, part.bound, z))


def proof_power(units: int, truth: float, bound: float, z: float) -> float:
    """How often the lower bound of a share over `units` rows would clear `bound`, were the share `truth`.

    By Wilson's bound (1927): at 95% a truth of .98, .97 and .96 takes 230, 600 and 2,650 rows for .95.
    """
    if units < 1 or bound >= 1:
        return 0.0
    hits = np.arange(units + 1)
    lower = wilson_lower(hits / units, units, z)
    enough = hits[lower >= bound]
    if not len(enough):
        return 0.0
    least = int(enough[0])
    return 1.0 if least == 0 else float(bdtrc(least - 1, units, truth))


def _needed(truth: float, bound: float, z: float) -> int | None:
    """The smallest doubling that suffices, refined by halves; None where the truth does not exceed the bound."""
    if truth <= bound:
        return None
    high = 8
    while high < _MOST and proof_power(high, truth, bound, z) < _POWER:
        high *= 2
    low = high // 2
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if proof_power(middle, truth, bound, z) >= _POWER else (middle, high)
    return high
