"""What the division of the rows must respect besides shares: recurring rows, clusters, and where rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.source import ORIGIN, SYNTHETIC
from slipway_pipelines.faults import DataFault
from slipway_pipelines.split import LEFT_OUT, SPLITS, SplitPlan, Splits, assigned, divided

if TYPE_CHECKING:
    import pandas as pd

Names = NDArray[np.str_]


def arranged(
    table: pd.DataFrame,
    columns: Columns,
    plan: SplitPlan,
    equality: NDArray[np.uint64] | None,
    clusters: NDArray[np.int64] | None,
    record: Record,
) -> Splits:
    """Train, validation and test, such that nothing of a later part stands in an earlier one.

    Args:
        equality: a number per row that equal rows share; None where equality says nothing.
        clusters: a number per row that nearly equal rows share; None where they were not looked for.
    """
    names = _assigned(table, columns, plan)
    within = int((names == LEFT_OUT).sum())
    if plan.embargo and plan.by == "Time":
        record.note("Embargo", f"{within} rows lie in the {plan.embargo / 86400:g} days before a later part: left out")
    novel = np.ones(len(table), bool)
    if equality is not None:
        novel = ~np.isin(equality, equality[np.isin(names, ("train", "validation"))]) | (names != "test")
        names = _without(names, "train", np.isin(equality, equality[np.isin(names, SPLITS[1:])]), "RecurringRows",
                         "train rows recur in a later part", record)  # fmt: skip
    if clusters is not None:
        names = _clusters_apart(names, clusters, record)
    parts = divided(table, columns, names, plan.by, novel)
    record.count("split", len(table), sum(parts.rows.values()), ", ".join(f"{n} {r}" for n, r in parts.rows.items()))
    record.facts["test.novel_rows"] = int(parts.novel.sum())
    _tell_of_entities(parts, columns, record)
    return parts


def _assigned(table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> Names:
    """Shares count what arose by itself; what was made may only train, and never from beyond the first cut."""
    made = (table[ORIGIN] == SYNTHETIC).to_numpy() if ORIGIN in table else np.zeros(len(table), bool)
    if not made.any():
        return assigned(table, columns, plan)
    if plan.by == "Column":
        names = assigned(table, columns, plan)
        held_out = int((made & (names != "train")).sum())
        if held_out:
            message = (
                f"{held_out} rows of origin Synthetic are in validation or test by column {columns.split!r}: made rows "
                "prove nothing; call them train, or take them out"
            )
            raise DataFault("SyntheticHeldOut", message)
        return names
    names = np.full(len(table), "train", dtype="U10")
    names[~made] = assigned(table[~made].reset_index(drop=True), columns, plan)
    return _past_only(names, made, table, columns, plan)


def _past_only(names: Names, made: NDArray[np.bool_], table: pd.DataFrame, columns: Columns, plan: SplitPlan) -> Names:
    if plan.by == "Time" and columns.timestamp is not None:
        ends = table[columns.timestamp][(names == "train") & ~made].max()
        names[made & (table[columns.timestamp] > ends).to_numpy()] = LEFT_OUT
    if plan.by == "Entity" and columns.entity is not None:
        held = set(table[columns.entity][np.isin(names, SPLITS[1:])])
        names[made & table[columns.entity].isin(held).to_numpy()] = LEFT_OUT
    return names


def _clusters_apart(names: Names, clusters: NDArray[np.int64], record: Record) -> Names:
    """A cluster that straddles parts stays in the last of them: time outranks clusters, and test is left as it is."""
    for earlier, later in (("train", SPLITS[1:]), ("validation", SPLITS[2:])):
        straddling = np.isin(clusters, clusters[np.isin(names, later)])
        said = f"{earlier} rows are nearly the same as rows of a later part"
        names = _without(names, earlier, straddling, "NearDuplicatesApart", said, record)
    return names


def _without(names: Names, part: str, rows: NDArray[np.bool_], reason: str, said: str, record: Record) -> Names:
    out = (names == part) & rows
    if out.any():
        record.note(reason, f"{int(out.sum())} {said} and are left out")
    return np.where(out, LEFT_OUT, names)


def _tell_of_entities(parts: Splits, columns: Columns, record: Record) -> None:
    if columns.entity is None or parts.test.empty:
        return
    known = set(parts.train[columns.entity])
    share = float(parts.test[columns.entity].isin(known).mean())
    record.facts["test.known_entities"] = round(share, 4)
    if share:
        record.note("KnownEntities", f"{share:.1%} of the test rows are of entities that train has as well")


def embargo_seconds(asked: str, parsed: float, maturity: float, windows: Sequence[float]) -> float:
    """The gap of a split by Time: as asked, or for Auto the label's maturity plus the longest window."""
    return maturity + max(windows, default=0.0) if asked == "Auto" else parsed
