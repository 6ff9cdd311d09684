"""Rows as tables of DuckDB, on disk where they do not fit into its memory, and the sums that figures are made from.

A figure is Σy / Σn. Of it six sums over clusters are told, and how many times their variance it really has: clusters
are entities, else single requests with a design effect over blocks of time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.statistics.pairs import block_effect
from slipway.statistics.ratios import Moments

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Sums = tuple[float, ...]
"""Clusters, Σy, Σn, Σy², Σn², Σyn and the design effect; infinite where it is not known."""

BLOCKS = 48
"""Blocks of time into which a span is divided."""

MOST_ROWS = 5_000_000
"""Rows that are read. Of more, a share by the hash of their id: the same wherever it is met."""

_MEMORY = "512MB"


def connect(folder: Path) -> DuckDBPyConnection:
    """A database in a folder for temporary files; nothing is fetched or loaded by itself."""
    import duckdb

    limits = {"memory_limit": _MEMORY, "threads": "2", "temp_directory": str(folder / "spill")}
    quiet = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    return duckdb.connect(str(folder / "rows.duckdb"), config={**limits, **quiet})


def sums(
    database: DuckDBPyConnection, table: str, terms: tuple[str, str], by_entity: bool, where: str = "true"
) -> Sums:
    """Of a table with the columns `who` (its cluster) and `block`; `terms` are the aggregates y and n."""
    moments = _moments(database, table, terms, "who", where)
    if by_entity:
        return (*_listed(moments), 1.0)
    return (*_listed(moments), block_effect(_moments(database, table, terms, "block", where), moments))


def one_row(database: DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The row of an aggregate."""
    found = database.execute(query).fetchone()
    assert found is not None
    return tuple(found)


def is_label(column: str, label: str) -> str:
    """An expression: whether the column, as text, is the label; `1.0` is `1`."""
    text = label.replace("'", "''")
    equal = same(column, f"'{text}'")
    return f"coalesce({equal}, false)"


def same(ours: str, theirs: str) -> str:
    """An expression: whether two answers are one, as text or as numbers; null where one of them is."""
    return f"({ours} = {theirs} or try_cast({ours} as double) = try_cast({theirs} as double))"


def is_number(column: str) -> str:
    """An expression: whether there is a finite number."""
    return f"({column} is not null and isfinite({column}))"


def _moments(database: DuckDBPyConnection, table: str, terms: tuple[str, str], by: str, where: str) -> Moments:
    """A cluster in which nothing was counted is not occupied."""
    y, n = terms
    found = one_row(database, f"""
        select count(*), sum(y), sum(n), sum(y * y), sum(n * n), sum(y * n)
        from (select {y}::double as y, {n}::double as n from {table} where {where} group by {by}) where y > 0 or n > 0
    """)  # fmt: skip
    return Moments(*(float(value or 0) for value in found))


def _listed(m: Moments) -> Sums:
    return (m.clusters, m.y, m.n, m.yy, m.nn, m.yn)
