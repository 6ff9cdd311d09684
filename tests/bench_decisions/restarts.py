"""Evidence that begins anew, at the worst moments that somebody could choose: what its share of alpha prevents.

Scores are Brownian paths in information, without effect. The adversary has the route edited, or the experiment changed,
whenever the running evidence is unlikely to end in a promotion, or right before a plan would be over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from slipway.statistics.first_passage import closing_bound
from slipway.statistics.group_sequential import Spending, boundaries, obrien_fleming, pocock
from slipway.statistics.sequential import Design, after_restarts, radius

LOOKS = 14 * 24
LENGTH = 1.8
"""Of the whole experiment, in units of a fixed test at the full alpha."""

_DAYS = np.arange(24, LOOKS + 1, 24)
_FIRST = Design(1.0)
Share = Callable[[float, int], float]


def fresh(alpha: float, restarts: int) -> float:
    """All of alpha, each time."""
    return alpha


@dataclass(frozen=True)
class Adversary:
    """Restarts at `hours` after which the score is below `below` standard errors; without it, whatever the score is."""

    name: str
    hours: tuple[int, ...]
    below: float = math.inf


ADVERSARIES = (
    Adversary("nobody", ()),
    Adversary("once, half-way", (168,)),
    Adversary("every day", tuple(range(24, LOOKS, 24))),
    Adversary("every day, when it looks bad", tuple(range(24, LOOKS, 24)), below=0.0),
    Adversary("four times in the last day", (LOOKS - 24, LOOKS - 18, LOOKS - 12, LOOKS - 6)),
)


def _time(looks: int, design: Design) -> float:
    """Information of so many looks, as a share of the design's."""
    return LENGTH * looks / LOOKS * (_FIRST.drift / design.drift) ** 2


@lru_cache(maxsize=4096)
def _closing(looks: int, alpha: float) -> float:
    design = Design(1.0, alpha)
    return closing_bound(_time(looks, design), design)


def sequence(since: int, at: int, alpha: float) -> float:
    """Bound at the hour `at` of evidence that began after `since`; the last hour closes it."""
    design = Design(1.0, alpha)
    return _closing(at - since, alpha) if at == LOOKS else float(radius(np.array(_time(at - since, design)), design))


@lru_cache(maxsize=4096)
def _grouped(since: int, alpha: float, spending: Spending) -> dict[int, float]:
    days = [int(day) for day in _DAYS if day > since]
    planned = [min(1.0, _time(day - since, Design(1.0, alpha)) / 1.1) for day in days]
    kept = [
        (day, share) for place, (day, share) in enumerate(zip(days, planned, strict=True)) if share < 1 or not place
    ]
    if days[-1] not in [day for day, _ in kept]:
        kept.append((days[-1], 1.0))
    found = boundaries([share for _, share in kept], alpha / 2, spending, final=True)
    return {day: float(bound) for (day, _), bound in zip(kept, found, strict=True)}


def grouped(spending: Spending) -> Callable[[int, int, float], float]:
    """Looks at the end of each day, of a plan that is made anew with the evidence."""
    return lambda since, at, alpha: _grouped(since, alpha, spending).get(at, math.inf)


METHODS: dict[str, Callable[[int, int, float], float]] = {
    "closed": sequence, "OBrienFleming": grouped(obrien_fleming), "Pocock": grouped(pocock),
}  # fmt: skip


def promoted(
    method: Callable[[int, int, float], float], adversary: Adversary, share: Share, steps: NDArray[np.float64]
) -> float:
    """Share of the runs that are promoted; `steps` are increments of the score, of shape (runs, LOOKS)."""
    runs = len(steps)
    since, restarts = np.zeros(runs, int), np.zeros(runs, int)
    score, won = np.zeros(runs), np.zeros(runs, bool)
    for at in range(1, LOOKS + 1):
        score += steps[:, at - 1]
        z = score / np.sqrt(at - since)
        for begun, count in {*zip(since.tolist(), restarts.tolist(), strict=True)}:
            bound = method(begun, at, share(_FIRST.alpha, count))
            won |= (since == begun) & (restarts == count) & (z > bound)
        if at in adversary.hours:
            again = ~won & (z < adversary.below)
            since[again], score[again] = at, 0.0
            restarts[again] += 1
    return float(won.mean())


def restarts_table(rng: np.random.Generator, runs: int, upper: Callable[[float, int], float]) -> str:
    """As markdown: promotions without effect, with all of alpha each time and with its share."""
    lines = [
        "| evidence begins anew | method | all of alpha each time | its share | upper bound |",
        "|---|---|---|---|---|",
    ]
    for adversary in ADVERSARIES:
        steps = rng.standard_normal((runs, LOOKS))
        for name, method in METHODS.items():
            ours = promoted(method, adversary, after_restarts, steps)
            each = promoted(method, adversary, fresh, steps)
            lines.append(f"| {adversary.name} | {name} | {each:.2%} | {ours:.2%} | {upper(ours, runs):.2%} |")
    return "\n".join(lines)
