"""Step `deduplicate`: one row per event, and which of the rows that look alike are no coincidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record

if TYPE_CHECKING:
    import pandas as pd

_COINCIDENCES = 0.01
"""Expected equal pairs per row, were columns independent, above which equality says nothing about duplication."""


def deduplicate(table: pd.DataFrame, columns: Columns, record: Record) -> pd.DataFrame:
    """One row per event id: the last by time, else the last in the data, since a later row is a correction.

    Without an id nothing is removed here, for equal rows may be different events; the split takes care of them.
    """
    if columns.id is None:
        return table
    ordered = table.sort_values(columns.timestamp, kind="stable") if columns.timestamp else table
    again = ordered.duplicated(columns.id, keep="last")
    if not again.any():
        record.count("deduplicate", len(table), len(table))
        return table
    kept = table.loc[~again.sort_index()].reset_index(drop=True)
    _tell_of_revisions(table, columns, record)
    record.count("deduplicate", len(table), len(kept), f"by {columns.id}")
    return kept


def _tell_of_revisions(table: pd.DataFrame, columns: Columns, record: Record) -> None:
    repeated = table[table.duplicated(columns.id, keep=False)]
    events = repeated[columns.id].nunique()
    labelled = repeated[repeated[columns.label].notna()]
    contradictory = int((labelled.groupby(columns.id)[columns.label].nunique() > 1).sum())
    record.facts |= {"duplicates.events": events, "duplicates.contradictory_labels": contradictory}
    message = f"{len(repeated)} rows share {events} values of {columns.id!r}; the last row of each is kept"
    record.note("DuplicateEvents", message, str(columns.id))
    if contradictory:
        message = f"{contradictory} events have rows with different labels; the last one counts"
        record.warn("ContradictoryLabels", message, columns.label)


def equality(table: pd.DataFrame, columns: Columns, record: Record) -> NDArray[np.uint64] | None:
    """A number per row that equal rows share; None where equal rows are likely coincidence, or ids tell events apart.

    Rows are equal in features, entity, timestamp and label. Few columns of few values coincide by themselves: then
    equality is reported and nothing is taken out for it.
    """
    import pandas as pd

    named = (*columns.read, columns.entity, columns.timestamp, columns.label)
    compared = table[[name for name in dict.fromkeys(named) if name]]
    hashes: NDArray[np.uint64] = np.asarray(pd.util.hash_pandas_object(compared, index=False), np.uint64)
    rows, distinct = len(hashes), len(np.unique(hashes))
    record.facts["duplicates.equal_rows"] = rows - distinct
    if columns.id is not None or rows == distinct:
        return hashes if columns.id is None else None
    expected = _coincidences(compared[~compared.duplicated()])
    if expected > _COINCIDENCES * rows:
        message = (
            f"{rows - distinct} of {rows} rows equal another one; with so few values about {expected:.0f} pairs are "
            "equal by chance, so none is taken for a duplicate; name the event's id in ModelTask.spec.id"
        )
        record.warn("EqualRowsAreCommon", message)
        return None
    record.note("EqualRows", f"{rows - distinct} of {rows} rows equal another one in all declared columns")
    return hashes


def _coincidences(compared: pd.DataFrame) -> float:
    """Expected number of equal pairs, were the columns independent: all pairs times the product, over the columns, of
    the share of pairs that agree. Of distinct rows, so that copies do not make themselves look likely."""
    rows = len(compared)
    counts = [compared[name].value_counts(dropna=False).to_numpy().astype(float) for name in compared]
    agreeing = [(count * (count - 1)).sum() / (rows * (rows - 1)) for count in counts]
    return float(rows * (rows - 1) / 2 * np.prod(agreeing)) if rows > 1 else 0.0
