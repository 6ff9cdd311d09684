"""Files as one table, by DuckDB: only the columns that the task names, numbers as numbers, all else as text."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway_pipelines.data.files import Copy
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

_PARQUET_MAGIC = b"PAR1"
_HEAD = 1 << 16
_DELIMITERS = (",", ";", "\t", "|")
# What people and programs write where there is nothing.
_MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "#N/A N/A",
)  # fmt: skip
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NUMBER = "coalesce(try_cast(trim({0}) AS DOUBLE), CASE lower(trim({0})) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)"


def read(copies: Sequence[Copy], wanted: Sequence[str], numbers: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of all files one below the other, and the names of all columns that they have.

    Args:
        wanted: columns to keep, where they are there.
        numbers: those of them that become float64 where every value of a CSV file is a number.

    Raises:
        DataFault: a file is no table, or is not in a known encoding.
    """
    import duckdb
    import pandas as pd

    frames: list[pd.DataFrame] = []
    available: dict[str, None] = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for copy in copies:
            try:
                names = _view(connection, copy)
                available |= dict.fromkeys(names)
                kept = [name for name in wanted if name in names]
                frames.append(_frame(connection, names, kept, numbers))
            except duckdb.Error as error:
                kind = "Parquet" if _is_parquet(copy.path) else "CSV"
                raise DataFault("SourceUnreadable", f"{copy.file.uri} is no readable {kind} file: {error}") from error
    table = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    return table, tuple(available)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _PARQUET_MAGIC


def _view(connection: Any, copy: Copy) -> tuple[str, ...]:
    """Makes the view `content` over one file; returns the names of its columns."""
    path = _quoted(str(copy.path))
    if _is_parquet(copy.path):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW content AS SELECT * FROM read_parquet({path})")
        return tuple(row[0] for row in connection.execute("DESCRIBE content").fetchall())
    names, delimiter, encoding = _dialect(copy)
    columns = "{" + ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in names) + "}"
    missing = "[" + ", ".join(_quoted(text) for text in _MISSING) + "]"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW content AS SELECT * FROM read_csv({path}, columns={columns}, header=true, "
        f"auto_detect=false, delim={_quoted(delimiter)}, quote='\"', escape='\"', encoding={_quoted(encoding)}, "
        f"nullstr={missing}, null_padding=false, max_line_size=16000000)"
    )
    return tuple(names)


def _dialect(copy: Copy) -> tuple[list[str], str, str]:
    """Names, delimiter and encoding from the first line; nothing is guessed from the values."""
    with copy.path.open("rb") as file:
        head = file.read(_HEAD)
    encoding = next((name for mark, name in _ENCODINGS if head.startswith(mark)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"{copy.file.uri} is neither UTF-8 nor UTF-16 with its mark: {error}; save it as UTF-8"
        raise DataFault("SourceUnreadable", message) from error
    if text.lstrip()[:1] == "<":
        raise DataFault("SourceUnreadable", f"{copy.file.uri} is no table: it begins as HTML or XML does")
    line = text.splitlines()[0] if text.strip() else ""
    delimiter = max(_DELIMITERS, key=line.count)
    record = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    names: list[str] = []
    for place, name in enumerate(record):
        label = name.strip() or f"column{place}"
        names.append(f"{label}.{record[:place].count(name)}" if label in names else label)
    if not names:
        raise DataFault("SourceUnreadable", f"{copy.file.uri} has no header line")
    return names, delimiter, encoding


def _frame(connection: Any, names: Sequence[str], kept: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    types = dict(row[:2] for row in connection.execute("DESCRIBE content").fetchall())
    texts = [name for name in kept if name in numbers and types[name] == "VARCHAR"]
    clean = _all_numbers(connection, texts)
    columns = [f"{_NUMBER.format(_name(one))} AS {_name(one)}" if one in clean else _name(one) for one in kept]
    if not columns:
        columns = ["1 AS nothing"]
    frame: pd.DataFrame = connection.execute(f"SELECT {', '.join(columns)} FROM content").df()
    return frame[list(kept)]


def _all_numbers(connection: Any, texts: Sequence[str]) -> set[str]:
    """Those columns of texts in which every value is a number: the others stay, so that what is wrong can be shown."""
    if not texts:
        return set()
    bad = ", ".join(f"count({_name(one)}) - count({_NUMBER.format(_name(one))})" for one in texts)
    counts = connection.execute(f"SELECT {bad} FROM content").fetchone()
    return {name for name, count in zip(texts, counts, strict=True) if count == 0}


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
