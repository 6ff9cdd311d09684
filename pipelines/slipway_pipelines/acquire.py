"""Step `acquire`: the sources of a run become one table and the digest of its content."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.files import fetch
from slipway_pipelines.data.source import BATCH, ORIGIN, Acquired, File, Source
from slipway_pipelines.data.sql import query
from slipway_pipelines.data.tables import read
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd


def acquire(
    sources: Sequence[Source], columns: Columns, limit: int, also: Sequence[str] = (), numbers: Sequence[str] = ()
) -> Acquired:
    """Reads all sources, one below the other. CSV and Parquet, gzipped or not; rows of databases.

    Args:
        limit: bytes that the contents of files may have together, after gunzip.
        also: columns that are read besides those of the task; `numbers` are those of them that hold numbers.

    Raises:
        DataFault: a source is absent, too large, or not a table.
        TransientFault: a source does not answer.
    """
    import pandas as pd  # it costs 0.4 s: a request refused before this point does not pay it

    wanted = tuple(dict.fromkeys((*columns.wanted, *also)))
    counted = tuple(name for name in (*columns.numbers, *numbers) if name not in columns.texts)
    frames: list[pd.DataFrame] = []
    files: list[File] = []
    available: dict[str, None] = {}
    for source in sources:
        left = limit - sum(file.size for file in files)
        frame, names, read_files = _read(source, wanted, counted, left)
        if any(one.origin for one in sources):
            frame = frame.assign(**{ORIGIN: source.origin or "Undeclared"})
        if any(one.batch for one in sources):
            frame = frame.assign(**{BATCH: source.batch})
        frames.append(frame)
        files += read_files
        available |= dict.fromkeys(names)
    table = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    uri = ", ".join(source.place for source in sources)
    return Acquired(table, uri, _digest(files), sum(one.size for one in files), tuple(files), tuple(available))


def _read(
    source: Source, wanted: Sequence[str], numbers: Sequence[str], limit: int
) -> tuple[pd.DataFrame, tuple[str, ...], list[File]]:
    if source.query:
        frame, names, file = query(source, wanted)
        return frame, names, [file]
    if not source.uri:
        raise DataFault("SourceUnsupported", f"source {source.name!r}: this version reads uri and sql")
    with tempfile.TemporaryDirectory() as scratch:
        copies = fetch(source, Path(scratch), limit)
        frame, names = read(copies, wanted, numbers)
    return frame, names, [copy.file for copy in copies]


def _digest(files: Sequence[File]) -> str:
    if len(files) == 1:
        return files[0].digest
    # Without their places, since moved files are the same data; in their order, since that is the order of the rows, on
    # which random parts and the last row of an event depend.
    lines = "\n".join(file.digest for file in files)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
