"""The labels as one table of DuckDB: of each event the one that counts, however often it was told and in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway_pipelines.acquire import acquire
from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault
from slipway_pipelines.performance.request import PerformanceRequest
from slipway_pipelines.validate import canonical

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

_MOST_BYTES = 512 << 20  # of the labels' files after gunzip; the table takes a few times that in memory


def load_labels(database: DuckDBPyConnection, request: PerformanceRequest) -> None:
    """Makes the table `label` (key, label, contradictory, revised).

    Of several labels of one event the newest counts, by the task's timestamp where the labels have that column. Where
    the newest ones differ, or nothing says which is newer, they contradict each other: none counts.
    """
    database.register("given", _read(request))
    # Without a time every label is as new as any other.
    database.execute(f"""
        create table label as
        with told as (select distinct {event_key("key")} as key, label, moment from given),
        newest as (select key, max(moment) as moment, count(distinct label) as kinds from told group by key)
        select key, min(label) as label, count(distinct label) > 1 as contradictory,
            any_value(kinds) > 1 and count(distinct label) = 1 as revised
        from told join newest using (key) where told.moment is not distinct from newest.moment group by key
    """)
    database.unregister("given")


def event_key(column: str) -> str:
    """An expression: a key as both sides write it. `12.0` of a table with gaps is `12`, as in training."""
    return f"regexp_replace(trim({column}), '^(-?[0-9]+)[.]0*$', '\\1')"


def _read(request: PerformanceRequest) -> pd.DataFrame:
    import pandas as pd

    also = (request.timestamp,) if request.timestamp else ()
    columns = Columns((), (), request.label, id=request.key)
    try:
        found = acquire((request.labels,), columns, _MOST_BYTES, also).table
    except DataFault as fault:
        if fault.reason != "SourceEmpty":  # nobody has said anything yet: that is an answer
            raise
        found = pd.DataFrame(columns=[request.key, request.label], dtype="object")
    absent = [name for name in (request.key, request.label) if name not in found]
    if absent:
        named = ", ".join(map(repr, absent))
        raise DataFault("ColumnMissing", f"spec.label.source of the ModelTask has no column {named}: labels need both")
    told = found.dropna(subset=[request.key, request.label])
    return pd.DataFrame(
        {
            "key": told[request.key].astype("string"),
            "label": canonical(told[request.label]).astype("string"),
            "moment": _instants(told, request.timestamp),
        }
    )


def _instants(told: pd.DataFrame, timestamp: str) -> Any:
    """Microseconds since 1970; missing where nothing is said, or nothing that can be read."""
    import pandas as pd

    if not timestamp or timestamp not in told:
        return pd.Series(pd.NA, index=told.index, dtype="Int64")
    instants = pd.to_datetime(told[timestamp], errors="coerce", utc=True, format="ISO8601")
    micros = instants.astype("datetime64[us, UTC]").astype("int64").astype("Int64")
    return micros.where(instants.notna(), pd.NA)
