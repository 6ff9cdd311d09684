"""Rows of a query, by SQLAlchemy; the URL of the database stands in a Secret and in no message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipway_pipelines.data.source import File, Source
from slipway_pipelines.faults import DataFault, TransientFault

if TYPE_CHECKING:
    import pandas as pd


def query(source: Source, wanted: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...], File]:
    """The rows, the names of all columns, and a digest over the rows in the order in which they came.

    Raises:
        DataFault: no URL, no driver for it, or a query that the database refuses or that gives no rows.
        TransientFault: the database does not answer.
    """
    import pandas as pd
    import sqlalchemy
    from sqlalchemy import exc

    url = source.credentials.get("url", "")
    if not url:
        raise DataFault("SecretIncomplete", f"{source.place}: the Secret has no key 'url' with a SQLAlchemy URL")
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            rows = pd.read_sql_query(sqlalchemy.text(source.query), connection)
    except (exc.NoSuchModuleError, exc.ArgumentError, ModuleNotFoundError) as error:
        message = f"{source.place}: {_safe(error, url)}; use a database whose driver the pipelines image has"
        raise DataFault("DatabaseUnsupported", message) from None
    except exc.OperationalError as error:
        # SQLite says so of a missing table, servers of a lost connection; only the latter come back.
        kind = DataFault if url.startswith("sqlite") else TransientFault
        raise kind("DatabaseUnavailable", f"{source.place}: {_safe(error, url)}") from None
    except exc.SQLAlchemyError as error:
        raise DataFault("QueryRefused", f"{source.place}: {_safe(error, url)}") from None
    if rows.empty:
        raise DataFault("SourceEmpty", f"{source.place} gave no rows")
    digest = hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    file = File(source.name, source.place, f"sha256:{digest.hexdigest()}", int(rows.memory_usage(deep=True).sum()))
    names = tuple(str(name) for name in rows.columns)
    return rows[[name for name in wanted if name in names]], names, file


def _safe(error: Exception, url: str) -> str:
    return str(error).splitlines()[0].replace(url, "the database")[:300]
