"""Step `features`: windowed aggregates over earlier rows of the same entity, by the code that serving uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from slipway.features.windows import aggregates

from slipway_pipelines.columns import Columns, carried
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.source import ORIGIN, SYNTHETIC

if TYPE_CHECKING:
    import pandas as pd


def with_windows(table: pd.DataFrame, columns: Columns, record: Record) -> pd.DataFrame:
    """The table with a column for each windowed feature. Rows without a label are history, too; made rows are the
    history of made rows alone."""
    if not columns.windows:
        return table
    assert columns.entity is not None  # a law of ModelTask
    assert columns.timestamp is not None
    entities = table[columns.entity].factorize()[0].astype(np.int64)
    if ORIGIN in table:
        entities = 2 * entities + (table[ORIGIN] == SYNTHETIC).to_numpy()
    instants = seconds(table[columns.timestamp])
    made = {}
    for name, window in columns.windows.items():
        values = table[carried(window.column)].to_numpy() if window.column else np.zeros(len(table))
        made[name] = aggregates(window, entities, instants, values)
    record.note("WindowsComputed", "computed from the entity's earlier rows, the present one excluded", *made)
    return table.assign(**made)


def seconds(instants: pd.Series) -> np.ndarray:
    """Seconds since the epoch, as windows count."""
    return np.asarray(instants.astype("datetime64[ns, UTC]").astype(np.int64)) / 1e9
