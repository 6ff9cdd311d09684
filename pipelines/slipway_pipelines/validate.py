"""Step `validate`: the data gate before any fit. Every message names the column and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipway.features.spelling import as_category

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = 3


def validate(table: pd.DataFrame, columns: Columns, task_type: str, positive: str | None) -> pd.DataFrame:
    """The rows that have a label, the columns that the task names, in their types.

    Numeric features become float64, categorical ones text with None for missing, the timestamp a UTC instant, the label
    text of one canonical spelling (a number for Regression). Rows without a label are left out; the caller can tell
    their number from the lengths.

    Raises:
        DataFault: a column is absent, of another type than declared, or the label has values that the task cannot mean.
    """
    import pandas as pd

    _require_columns(table, columns)
    table = table[list(columns.required)]
    table = table[table[columns.label].notna()].reset_index(drop=True)
    if table.empty:
        raise DataFault("NoLabelledRows", f"no row has a value in the label column {columns.label!r}")
    features = {name: _numeric(table[columns.source(name)], name) for name in columns.numeric}
    features |= {name: _text(table[columns.source(name)]) for name in columns.categorical}
    return pd.DataFrame(_roles(table, columns, task_type, positive) | features)


def _roles(table: pd.DataFrame, columns: Columns, task_type: str, positive: str | None) -> dict[str, pd.Series]:
    clash = sorted(set(columns.features) & set(columns.roles))
    if clash:
        message = (
            f"{_listed(clash)} names a feature and the id, entity, timestamp, label or split: a model may not see those"
        )
        raise DataFault("ColumnRoles", message)
    out = {columns.label: _label(table[columns.label], columns.label, task_type, positive)}
    if columns.timestamp:
        out[columns.timestamp] = _instant(table[columns.timestamp], columns.timestamp)
    for name in (columns.id, columns.entity, columns.split):
        if name and name not in out:
            out[name] = _identity(table[name], name)
    return out


def _require_columns(table: pd.DataFrame, columns: Columns) -> None:
    missing = [name for name in columns.required if name not in table.columns]
    if missing:
        found = _listed([str(name) for name in table.columns], limit=30)
        raise DataFault("ColumnMissing", f"the data has no column {_listed(missing)}; it has {found}")


def _numeric(values: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    bad = values[numbers.isna() & values.notna()]
    if len(bad):
        raise DataFault("ColumnType", f"column {name!r} is declared Numeric, but {_shown(bad)}")
    return numbers.astype("float64")


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
    return instants


def _label(values: pd.Series, name: str, task_type: str, positive: str | None) -> pd.Series:
    if task_type == "Regression":
        return _numeric(values, name)
    labels = canonical(values)
    classes = sorted(labels.unique())
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
    return texts.str.replace(r"\.0*$", "", regex=True) if texts.str.fullmatch(r"-?\d+(\.0*)?").all() else texts


def _shown(bad: pd.Series) -> str:
    examples = ", ".join(repr(value) for value in bad.head(_EXAMPLES))
    return f"{len(bad)} values are not, such as {examples} (first in data row {bad.index[0] + 1})"


def _listed(names: Sequence[str], limit: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
