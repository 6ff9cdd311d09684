"""Step `labels`: late labels are joined, old silence counts as negative, and what is too young to tell is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.api.v1alpha1.task_label import Maturity

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd


def matured(
    table: pd.DataFrame, columns: Columns, maturity: Maturity | None, negative: str | None, record: Record
) -> pd.DataFrame:
    """The rows whose label can be known by the newest instant of the data.

    Rows younger than `maturity.p95` are left out whatever their label is: among them only positives would have one, so
    keeping those alone would make the class look commoner than it is. A row without a label that is older than
    `absence_means_negative_after` is negative.

    Args:
        negative: the value of the label that is not positive; None where there is more than one.

    Raises:
        DataFault: maturity needs a timestamp, or no labelled row is left.
    """
    kept = table
    if maturity is not None:
        kept = _old_enough(table, columns, maturity, negative, record)
    labelled: pd.DataFrame = kept[kept[columns.label].notna()].reset_index(drop=True)
    if labelled.empty:
        message = f"no row has a label in {columns.label!r}" + (" that is mature" if maturity is not None else "")
        raise DataFault("NoLabelledRows", message)
    unlabelled = len(kept) - len(labelled)
    if unlabelled:
        record.note("RowsWithoutLabel", f"{unlabelled} of {len(kept)} rows have no label and are left out")
    record.count("labels", len(table), len(labelled))
    return labelled


def _old_enough(
    table: pd.DataFrame, columns: Columns, maturity: Maturity, negative: str | None, record: Record
) -> pd.DataFrame:
    import pandas as pd

    if columns.timestamp is None:
        raise DataFault("MaturityNeedsTimestamp", "label.maturity needs ModelTask.spec.timestamp: ages come from it")
    age = table[columns.timestamp].max() - table[columns.timestamp]
    kept: pd.DataFrame = table[age >= pd.Timedelta(maturity.p95.seconds, unit="s")].copy()
    silent = maturity.absence_means_negative_after
    if silent is not None and negative is not None:
        old = kept[columns.label].isna() & (age[kept.index] >= pd.Timedelta(silent.seconds, unit="s"))
        kept.loc[old, columns.label] = negative
        record.note("SilenceIsNegative", f"{int(old.sum())} rows without a label are old enough to count as negative")
    cut = len(table) - len(kept)
    record.facts["labels.immature_rows"] = cut
    complete = float(maturity.completeness.fraction)
    message = f"{cut} rows are younger than {maturity.p95.text}, so that their labels may still come; they are left out"
    if negative is not None:
        share = float((kept[columns.label].dropna() != negative).mean())
        message += f". {share:.2%} of the others are positive, about {share / complete:.2%} counting what is never told"
    record.note("ImmatureLabels", message, columns.label)
    return kept


def joined(table: pd.DataFrame, labels: pd.DataFrame, key: str, label: str, record: Record) -> pd.DataFrame:
    """The table with labels from elsewhere: of several for one event the last counts; events without one have none."""
    found = labels.dropna(subset=[label, key]).drop_duplicates(key, keep="last").set_index(key)[label]
    taken = table.assign(**{label: table[key].map(found)})
    unknown = int((~found.index.isin(table[key])).sum())
    record.count("join labels", len(table), len(table), f"{int(taken[label].notna().sum())} rows got a label")
    if unknown:
        record.warn("LabelsOfNoEvent", f"{unknown} labels have a {key!r} that no row has", key)
    return taken
