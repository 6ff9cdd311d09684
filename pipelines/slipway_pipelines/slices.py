"""Parts of the test rows that are judged by themselves: a model may be good on average and bad for some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, PartResult, Verdict, judge
from slipway_pipelines.data.slicing import slice_table
from slipway_pipelines.estimate import Estimate, Judged, estimate
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics import Metric
from slipway_pipelines.metrics.base import Bools

if TYPE_CHECKING:
    import pandas as pd

_MOST = 50  # slices of a column, the largest ones
WORST = "worst-slice"


@dataclass(frozen=True)
class SlicePlan:
    """Which slices there are. Those with fewer rows than `minimum_rows` are not judged."""

    columns: tuple[str, ...]
    minimum_rows: int
    worst: Criterion | None


@dataclass(frozen=True)
class Slice:
    """One slice of the test rows with its metrics."""

    column: str
    value: str
    rows: int
    metrics: Mapping[str, Estimate]

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.column}={self.value}"


def sliced(plan: SlicePlan, table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The slice columns of a table, as texts.

    Raises:
        DataFault: a column that the rows do not have.
    """
    found = slice_table(table, replace(columns, slices=plan.columns))
    for name in plan.columns:
        if name not in found:
            known = ", ".join(map(repr, (*columns.features, *columns.roles)))
            message = f"spec.slices.columns of the task names {name!r}; the rows have {known}"
            raise DataFault("SliceUnknown", f"{message}, and weekday and weekend where there is a timestamp")
    return found


def masks(plan: SlicePlan, table: pd.DataFrame, columns: Columns) -> Iterator[tuple[str, str, Bools]]:
    """(column, value, rows of it) of each slice that is large enough. Raises as `sliced` does."""
    for name, values in sliced(plan, table, columns).items():
        counts = values.value_counts().head(_MOST)
        for value in counts.index[counts >= plan.minimum_rows]:
            yield str(name), str(value), (values == value).to_numpy()


def measure(
    plan: SlicePlan,
    table: pd.DataFrame,
    columns: Columns,
    judged: Judged,
    order: np.ndarray,
    metrics: Mapping[str, Metric],
    seed: int,
) -> tuple[Slice, ...]:
    """Each slice's metrics.

    Args:
        order: positions in `table` of the judged rows, which may be sorted.
    """
    found = []
    for column, value, mask in masks(plan, table, columns):
        inside = mask[order]
        codes = np.unique(judged.clusters[inside], return_inverse=True)[1]
        measured = estimate(judged.rows.where(inside), metrics, codes, seed)
        found.append(Slice(column, value, int(inside.sum()), measured))
    return tuple(found)


def worst(criterion: Criterion, slices: tuple[Slice, ...], minimum_rows: int) -> Verdict:
    """The floor that every slice must hold: the verdict of the one that holds it least. None judged proves nothing."""
    if not slices:
        nothing = tuple(PartResult(part, float("nan"), float("nan")) for part in criterion.parts)
        return Verdict(criterion, nothing, f"no slice has {minimum_rows} test rows")
    verdicts = [(judge([criterion], one.metrics)[0], one) for one in slices]
    found, where = min(verdicts, key=lambda each: _margin(each[0]))
    return Verdict(criterion, found.results, f"{where.name}, the worst of {len(slices)} slices, {where.rows} rows")


def _margin(verdict: Verdict) -> float:
    """How far the weakest part lies beyond its bound; nothing is further below than what is unknown."""
    margins = [(one.proved - one.part.bound) * (1 if one.part.wants_more else -1) for one in verdict.results]
    return float(np.nan_to_num(min(margins, key=lambda m: np.nan_to_num(m, nan=-np.inf)), nan=-np.inf))
