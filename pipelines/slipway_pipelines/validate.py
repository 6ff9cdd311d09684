"""Step `validate`: the data gate before any fit. Every message names the column and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from slipway.features.spelling import as_category

from slipway_pipelines.columns import Columns, carried
from slipway_pipelines.data.source import BATCH, ORIGIN
from slipway_pipelines.faults import DataFault
from slipway_pipelines.worth import check_worth

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = 3


def validate(
    table: pd.DataFrame,
    columns: Columns,
    task_type: str,
    positive: str | None,
    available: Sequence[str] = (),
    silence: bool = False,
    known: Sequence[str] = (),
) -> pd.DataFrame:
    """All rows with the columns that the task names, in their types.

    Numeric features become float64 (what is no finite number is missing), categorical and text ones text with None for
    missing, the timestamp a UTC instant, the label text of one canonical spelling (a number for Regression), missing
    where it is. Columns that are read and are no inputs have the name that `carried` gives.

    Args:
        available: all columns of the sources, for the message about one that is absent.
        silence: rows without a label may turn out to be negative, so that none needs to be called so.
        known: classes of the model that is continued, of which the rows need not have all.

    Raises:
        DataFault: a column is absent, of another type than declared, or the label has values that the task cannot mean.
    """
    import pandas as pd

    _require_columns(table, columns, available or [str(name) for name in table.columns])
    features = {name: _numeric(table[columns.source(name)], name) for name in columns.numeric if name in columns.read}
    features |= {name: _text(table[columns.source(name)]) for name in columns.categorical + columns.text}
    beside = {carried(name): _carried(table[name], name, columns) for name in _read_beside(table, columns)}
    for name in columns.worth_columns:
        check_worth(beside[carried(name)], name)
    kept = {name: table[name] for name in (ORIGIN, BATCH) if name in table}
    labels = _label(table[columns.label], columns.label, task_type, positive, silence, known)
    return pd.DataFrame(_roles(table, columns, labels) | features | beside | kept)


def _read_beside(table: pd.DataFrame, columns: Columns) -> list[str]:
    """Columns that windows sum up, annotators, what answers are worth, and slices that the data holds."""
    windowed = [window.column for window in columns.windows.values() if window.column is not None]
    named = dict.fromkeys([*windowed, *columns.annotators, *columns.worth_columns, *columns.slices])
    return [name for name in named if name in table.columns]


def _carried(values: pd.Series, name: str, columns: Columns) -> pd.Series:
    return _numeric(values, name) if name in columns.numbers else _text(values)


def _roles(table: pd.DataFrame, columns: Columns, labels: pd.Series) -> dict[str, pd.Series]:
    clash = sorted(set(columns.features) & set(columns.roles))
    if clash:
        message = (
            f"{_listed(clash)} names a feature and the id, entity, timestamp, label or split: a model may not see those"
        )
        raise DataFault("ColumnRoles", message)
    out = {columns.label: labels}
    if columns.timestamp:
        out[columns.timestamp] = _instant(table[columns.timestamp], columns.timestamp)
    for name in (columns.id, columns.entity, columns.split):
        if name and name not in out:
            out[name] = _identity(table[name], name)
    return out


def _require_columns(table: pd.DataFrame, columns: Columns, available: Sequence[str]) -> None:
    missing = [name for name in columns.required if name not in table.columns]
    if missing:
        found = _listed(available, limit=30)
        raise DataFault("ColumnMissing", f"the data has no column {_listed(missing)}; it has {found}")


def _numeric(values: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    bad = values[numbers.isna() & values.notna()]
    if len(bad):
        raise DataFault("ColumnType", f"column {name!r} is declared Numeric, but {_shown(bad)}")
    floats = numbers.astype("float64")
    return floats.where(np.isfinite(floats))  # an infinite amount is a fault of a division, and no estimator takes it


def _text(values: pd.Series) -> pd.Series:
    """Missing is None, as it is in a JSON request: training and serving must see the same thing."""
    return values.astype("object").map(as_category, na_action="ignore").where(values.notna(), None)


def _identity(values: pd.Series, name: str) -> pd.Series:
    absent = int(values.isna().sum())
    if absent:
        raise DataFault("ColumnIncomplete", f"column {name!r} identifies rows, but {absent} rows have no value in it")
    return _text(values)


def _instant(values: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        raise DataFault("ColumnType", f"column {name!r} is the timestamp, but holds numbers; ISO 8601 text is expected")
    instants = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    bad = values[instants.isna()]
    if len(bad):
        raise DataFault("ColumnType", f"column {name!r} is the timestamp, but {_shown(bad)}")
    return instants.astype("datetime64[ns, UTC]")  # Parquet may know microseconds only


def _label(
    values: pd.Series, name: str, task_type: str, positive: str | None, silence: bool, known: Sequence[str]
) -> pd.Series:
    if values.isna().all():
        raise DataFault("NoLabelledRows", f"no row has a value in the label column {name!r}")
    if task_type == "Regression":
        return _numeric(values, name)
    labels = canonical(values)
    classes = sorted({*labels.dropna().unique(), *known})
    if silence and classes == [positive] and labels.isna().any():
        return labels
    if len(classes) < 2:
        raise DataFault(
            "LabelValues", f"the label {name!r} has the one value {classes[0]!r}: there is nothing to learn"
        )
    if task_type == "BinaryClassification":
        _check_binary(classes, name, positive)
    return labels


def _check_binary(classes: Sequence[str], name: str, positive: str | None) -> None:
    found = _listed(classes, limit=8)
    if len(classes) != 2:
        raise DataFault("LabelValues", f"the task is BinaryClassification, but the label {name!r} has {found}")
    if positive is not None and positive not in classes:
        raise DataFault("LabelValues", f"the task calls {positive!r} positive, but the label {name!r} has {found}")


def canonical(labels: pd.Series) -> pd.Series:
    """Labels as text, each class spelled once; "1.0" is "1" where every label is an integer."""
    texts = _text(labels).str.strip()
    whole = texts.dropna().str.fullmatch(r"-?\d+(\.0*)?").all()
    return texts.str.replace(r"\.0*$", "", regex=True) if whole else texts


def _shown(bad: pd.Series) -> str:
    examples = ", ".join(repr(value) for value in bad.head(_EXAMPLES))
    return f"{len(bad)} values are not, such as {examples} (first in data row {bad.index[0] + 1})"


def _listed(names: Sequence[str], limit: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
