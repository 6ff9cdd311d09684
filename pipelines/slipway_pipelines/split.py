"""Step `split`: which rows a model learns from, which freeze its threshold, and which judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitPlan:
    """`by` is Time, Entity, Column or Random; `shares` sum to one and are unused for Column."""

    by: str
    shares: Mapping[str, float]
    seed: int


@dataclass(frozen=True)
class Splits:
    """Disjoint tables that together are all rows. Validation may be empty; train and test are not."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    @property
    def rows(self) -> dict[str, int]:
        """Row counts by split."""
        return {name: len(getattr(self, name)) for name in SPLITS}


def split(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> Splits:
    """Splits a validated table.

    Raises:
        DataFault: the column that `by` needs is not declared, or a split that must have rows has none.
    """
    makers = {"Time": _by_time, "Entity": _by_entity, "Column": _by_column, "Random": _at_random}
    if plan.by not in makers:
        raise DataFault("SplitUnsupported", f"split by {plan.by!r}: legal are {', '.join(makers)}")
    names = makers[plan.by](table, columns, plan)
    parts = {name: table[names == name].reset_index(drop=True) for name in SPLITS}
    for name in ("train", "test"):
        if parts[name].empty:
            raise DataFault("SplitEmpty", f"split by {plan.by} leaves no {name} rows of {len(table)}")
    if parts["train"][columns.label].nunique() < 2:
        raise DataFault(
            "SplitOneClass", f"the {len(parts['train'])} train rows have one value of {columns.label!r} only"
        )
    return Splits(**parts)


def _assigned(rank: np.ndarray, total: int, plan: SplitPlan) -> np.ndarray:
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
    return _assigned(first_of_instant, len(table), plan)


def _by_entity(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> np.ndarray:
    """All rows of an entity share a split; shares count entities."""
    if columns.entity is None:
        raise DataFault("SplitNeedsEntity", "split by Entity needs ModelTask.spec.entity; or split by Column or Random")
    codes, entities = table[columns.entity].factorize(sort=True)  # sorted: the order of the rows must not matter
    rank = np.random.default_rng(plan.seed).permutation(len(entities))
    return _assigned(rank[codes], len(entities), plan)


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
    return _assigned(np.random.default_rng(plan.seed).permutation(len(table)), len(table), plan)
