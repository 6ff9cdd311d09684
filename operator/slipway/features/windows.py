"""Aggregates over an entity's earlier events: at any instant, of what was known before it (closed on the left).

One definition for both sides. Training computes it for all rows of a table at once; whoever sends a request computes it
for one entity, from the events that it remembers. Events of the very same instant never count: not the present one, and
not its twins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """What is computed, of which column (None with Count), over how many seconds before the instant."""

    aggregate: str
    column: str | None
    seconds: float

    @property
    def needs_numbers(self) -> bool:
        """Whether the column must hold numbers; Count and DistinctCount take anything."""
        return self.aggregate not in ("Count", "DistinctCount")


def aggregate_at(window: Window, instant: float, instants: Floats, values: NDArray[Any]) -> float:
    """The value for one entity at one instant: what an application computes for a request.

    Args:
        instant: seconds since the epoch.
        instants: of the entity's events, shape (events,), in any order.
        values: of the window's column at those events; ignored with Count.
    """
    order = np.argsort(instants, kind="stable")
    ordered = instants[order]
    first, last = np.searchsorted(ordered, [instant - window.seconds, instant], side="left")
    return float(_AGGREGATES[window.aggregate](values[order][first:last]))


def aggregates(window: Window, entities: NDArray[np.int64], instants: Floats, values: NDArray[Any]) -> Floats:
    """The value of every row of a table; shape (rows,).

    Args:
        entities: a code per row; a negative one is no entity and has no history.
        instants: seconds since the epoch; NaN has no history.
        values: of the window's column, shape (rows,); float64 with NaN, or objects.
    """
    order = np.lexsort((instants, entities))
    entity, instant, value = entities[order], instants[order], values[order]
    begins = _first_at_or_after(entity, instant, instant - window.seconds)
    ends = _first_at_or_after(entity, instant, instant)
    found = np.empty(len(order))
    if window.aggregate == "Count":
        found[order] = ends - begins
    elif window.aggregate in _BY_SUMS:
        found[order] = _BY_SUMS[window.aggregate](np.asarray(value, np.float64), begins, ends)
    else:
        aggregate = _AGGREGATES[window.aggregate]
        found[order] = [aggregate(value[b:e]) for b, e in zip(begins, ends, strict=True)]
    nothing = (entities < 0) | ~np.isfinite(instants)
    return np.where(nothing, 0.0 if window.aggregate in _ZERO else np.nan, found)


def _first_at_or_after(entity: NDArray[np.int64], instant: Floats, wanted: Floats) -> NDArray[np.intp]:
    """For each row, the place of the first row of its entity at or after an instant; rows are sorted by both."""
    ranks = np.unique(np.concatenate([instant, wanted]), return_inverse=True)[1]
    size = int(ranks.max(initial=0)) + 1
    keys = entity.astype(np.int64) * size
    return np.searchsorted(keys + ranks[: len(instant)], keys + ranks[len(instant) :], side="left")


def _known(values: NDArray[Any]) -> Floats:
    numbers = np.asarray(values, np.float64)
    return numbers[~np.isnan(numbers)]


def _of_known(compute: Callable[[Floats], Any]) -> Callable[[NDArray[Any]], float]:
    def value(values: NDArray[Any]) -> float:
        known = _known(values)
        return float(compute(known)) if len(known) else float("nan")

    return value


def _distinct(values: NDArray[Any]) -> float:
    return float(len({value for value in values.tolist() if value is not None and value == value}))


def _sums(values: Floats, begins: NDArray[np.intp], ends: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Sum and number of the known values of each window, from running sums."""
    known = ~np.isnan(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    return total[ends] - total[begins], count[ends] - count[begins]


def _running_sum(values: Floats, begins: NDArray[np.intp], ends: NDArray[np.intp]) -> Floats:
    total, count = _sums(values, begins, ends)
    return np.where(count > 0, total, 0.0)


def _running_mean(values: Floats, begins: NDArray[np.intp], ends: NDArray[np.intp]) -> Floats:
    total, count = _sums(values, begins, ends)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


_ZERO = ("Count", "Sum", "DistinctCount")
_BY_SUMS = {"Sum": _running_sum, "Mean": _running_mean}
_AGGREGATES: Mapping[str, Callable[[NDArray[Any]], float]] = {
    "Count": lambda values: float(len(values)),
    "Sum": lambda values: float(_known(values).sum()),
    "Mean": _of_known(np.mean),
    "Min": _of_known(np.min),
    "Max": _of_known(np.max),
    "Std": _of_known(np.std),
    "DistinctCount": _distinct,
    "Last": _of_known(lambda known: known[-1]),
}
