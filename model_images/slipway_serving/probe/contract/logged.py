"""The prediction log as its store has it. Files are counted and named; their columns are for the log's readers."""

from __future__ import annotations

import re
from pathlib import Path

from slipway_serving.probe.contract.counted import Counted, read_page
from slipway_serving.probe.contract.subject import Skip, Subject

_ROWS = re.compile(r".*-(\d+)\.parquet")
_MAGIC = b"PAR1"
_NOT_ASKED = "not asked for: --prediction-log"


def rows(store: Path) -> int:
    """Rows in the finished files below `store`, by their names. Raises ValueError for a file that is no Parquet."""
    total = 0
    for file in sorted(store.rglob("*.parquet")):
        match = _ROWS.fullmatch(file.name)
        if match is None:
            raise ValueError(f"{file.name} does not end in -ROWS.parquet")
        content = file.read_bytes()
        if not (content.startswith(_MAGIC) and content.endswith(_MAGIC)):
            raise ValueError(f"{file.name} is no whole Parquet file")
        total += int(match[1])
    return total


def counts(subject: Subject, counted: Counted) -> str:
    """What is wrong with the log's metrics. Raises Skip where no log was asked for."""
    if subject.asked.log is None:
        raise Skip(_NOT_ASKED)
    page = read_page(subject)
    names = ("slipway_prediction_log_rows_total", "slipway_prediction_log_dropped_total")
    missing = [name for name in names if not page.has(name)]
    return f"{missing[0]} does not exist" if missing else ""


def stored(subject: Subject, before: int) -> str:
    """What is wrong with the store after a stop; `before` rows were in it already. Raises Skip."""
    if subject.asked.log is None:
        raise Skip(_NOT_ASKED)
    try:
        found = rows(subject.asked.log) - before
    except ValueError as error:
        return str(error)
    if found == subject.answered:
        return ""
    return f"{subject.answered} instances were answered, {found} rows are in the store"
