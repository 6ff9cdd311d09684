"""Slices of rows: the values of the task's slice columns; weekday and weekend are made from the timestamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.features.slices import spelled

from slipway_pipelines.columns import Columns, carried

if TYPE_CHECKING:
    import pandas as pd

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ABSENT = "(missing)"


def slice_table(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """A column of texts for each slice column that the rows have or that can be made; same rows."""
    import pandas as pd

    found = {name: values for name in columns.slices if (values := _values(table, columns, name)) is not None}
    return pd.DataFrame(found, index=table.index)


def _values(table: pd.DataFrame, columns: Columns, name: str) -> pd.Series | None:
    found: pd.Series | None = None
    known = next((one for one in (name, carried(name)) if one in table), None)
    if known is not None:
        found = table[known].map(spelled).fillna(_ABSENT)
    elif columns.timestamp is not None and name in ("weekday", "weekend"):
        day = table[columns.timestamp].dt.dayofweek
        found = day.map(dict(enumerate(_DAYS))) if name == "weekday" else (day >= 5).map({True: "yes", False: "no"})
    return found
