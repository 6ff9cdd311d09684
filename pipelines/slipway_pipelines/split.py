"""Step `split`: which rows a model learns from, which freeze its threshold, and which judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")
LEFT_OUT = ""
"""In the place of a split's name: the row is in none."""


@dataclass(frozen=True)
class SplitPlan:
    """`by` is Time, Entity, Column or Random; `shares` sum to one and are unused for Column.

    `embargo` is the gap before each later part of a split by Time, in seconds.
    """

    by: str
    shares: Mapping[str, float]
    seed: int
    embargo: float = 0.0


@dataclass(frozen=True)
class Splits:
    """Disjoint tables. Validation may be empty; train and test are not.

    `novel` says of each test row whether it equals none of the rows that were there to learn from; shape (test rows,).
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    novel: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, bool))

    @property
    def rows(self) -> dict[str, int]:
        """Row counts by split."""
        return {name: len(getattr(self, name)) for name in SPLITS}


def assigned(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> NDArray[np.str_]:
    """The name of each row's split; shape (rows,).

    Raises:
        DataFault: the column that `by` needs is not declared, or holds other values.
    """
    makers = {"Time": _by_time, "Entity": _by_entity, "Column": _by_column, "Random": _at_random}
    if plan.by not in makers:
        raise DataFault("SplitUnsupported", f"split by {plan.by!r}: legal are {', '.join(makers)}")
    return makers[plan.by](table, columns, plan)


def divided(
    table: pd.DataFrame, columns: Columns, names: NDArray[np.str_], by: str, novel: NDArray[np.bool_] | None = None
) -> Splits:
    """The tables of the splits; rows whose name is LEFT_OUT are in none.

    Raises:
        DataFault: a split that must have rows has none, or there is nothing to tell apart in train.
    """
    parts = {name: table[names == name].reset_index(drop=True) for name in SPLITS}
    for name in ("train", "test"):
        if parts[name].empty:
            out = int((names == LEFT_OUT).sum())
            why = f"; {out} were left out, see embargo, duplicates and origins" if out else ""
            raise DataFault("SplitEmpty", f"split by {by} leaves no {name} rows of {len(table)}{why}")
    if parts["train"][columns.label].nunique() < 2:
        raise DataFault(
            "SplitOneClass", f"the {len(parts['train'])} train rows have one value of {columns.label!r} only"
        )
    return Splits(**parts, novel=(np.ones(len(table), bool) if novel is None else novel)[names == "test"])


def _by_rank(rank: np.ndarray, total: int, plan: SplitPlan) -> np.ndarray:
    """Names by rank (0-based, in order of training first): shares of rows, rounded to the nearest row."""
    first = round(plan.shares["train"] * total)
    second = round((plan.shares["train"] + plan.shares["validation"]) * total)
    return np.where(rank < first, "train", np.where(rank < second, "validation", "test"))


def _by_time(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> np.ndarray:
    """The past trains, the future tests; rows of one instant stay together, in the earlier split."""
    if columns.timestamp is None:
        raise DataFault(
            "SplitNeedsTimestamp", "split by Time needs ModelTask.spec.timestamp; or split by Column or Random"
        )
    first_of_instant = table[columns.timestamp].rank(method="min").to_numpy() - 1
    names = _by_rank(first_of_instant, len(table), plan)
    return _with_embargo(names, table[columns.timestamp], plan.embargo) if plan.embargo else names


def _with_embargo(names: np.ndarray, instants: pd.Series, seconds: float) -> np.ndarray:
    """Leaves out the last so many seconds of train and of validation: their labels and windows reach into what
    follows."""
    import pandas as pd

    kept = names.copy()
    for earlier, later in (("train", ("validation", "test")), ("validation", ("test",))):
        begins = instants[np.isin(names, later)].min()
        if begins is not pd.NaT:
            kept[(names == earlier) & (instants > begins - pd.Timedelta(seconds, unit="s")).to_numpy()] = LEFT_OUT
    return kept


def _by_entity(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> np.ndarray:
    """All rows of an entity share a split; shares count entities."""
    if columns.entity is None:
        raise DataFault("SplitNeedsEntity", "split by Entity needs ModelTask.spec.entity; or split by Column or Random")
    codes, entities = table[columns.entity].factorize(sort=True)  # sorted: the order of the rows must not matter
    rank = np.random.default_rng(plan.seed).permutation(len(entities))
    return _by_rank(rank[codes], len(entities), plan)


def _by_column(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> np.ndarray:
    if columns.split is None:
        raise DataFault("SplitNeedsColumn", "split by Column needs the column's name")
    names = table[columns.split].to_numpy(dtype=str)
    unknown = sorted(set(names) - set(SPLITS))
    if unknown:
        found = ", ".join(repr(name) for name in unknown[:5])
        raise DataFault("SplitValues", f"column {columns.split!r} has {found}; legal are {', '.join(SPLITS)}")
    return names


def _at_random(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> np.ndarray:
    return _by_rank(np.random.default_rng(plan.seed).permutation(len(table)), len(table), plan)
