"""The rows of the input, in order, read piece by piece: memory follows the piece, not the input or its row groups."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway_serving.scoring.download import download
from slipway_serving.scoring.faults import ScoringFault
from slipway_serving.scoring.request import ScoringRequest
from slipway_serving.scoring.stores import FileState, Location, VolumeStore, answering, locate

_BUFFER = 1 << 20  # bytes read ahead of one column
_FOOTER = 8  # the last bytes: the footer's length, and PAR1


@dataclass(frozen=True)
class InputFile:
    """One Parquet file; `footer` is the SHA-256 of its metadata."""

    state: FileState
    rows: int
    footer: str


class Source:
    """All files of the input as they were at the start; `fingerprint` names their content."""

    def __init__(self, location: Location, files: Sequence[InputFile], schema: pa.Schema, content: str = "") -> None:
        self._location, self.files, self.schema = location, files, schema
        self.uri = location.uri
        self.rows = sum(one.rows for one in files)
        root = location.path
        named = [(f.state.path.removeprefix(root), f.state.size, f.state.changed, f.footer) for f in files]
        self.fingerprint = content or hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def check_unchanged(self, first: int = 0, last: int | None = None) -> None:
        """Raises ScoringFault when a file that holds any of these rows is not as it was at the start."""
        end, begin = self.rows if last is None else last, 0
        for file in self.files:
            if begin <= end and begin + file.rows >= first:
                self._check(file.state)
            begin += file.rows

    def _check(self, state: FileState) -> None:
        with answering(self.uri):
            now = self._location.store.state(state.path)
        if now != state:
            raise ScoringFault(
                "InputChanged",
                f"{state.path} was changed while it was scored: write new rows under a new name, or before the run; "
                "the next run scores what is there then",
            )

    def reader(self, start: int, columns: Sequence[str], piece: int) -> Reader:
        """Reads from row `start` on, pieces of at most `piece` rows at a time."""
        return Reader(self._batches(start, list(dict.fromkeys(columns)), piece), columns, self.schema)

    def _batches(self, start: int, columns: list[str], piece: int) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            if start >= file.rows:
                start -= file.rows
                continue
            with answering(self._location.uri), self._location.store.open(file.state.path) as stream:
                yield from _rows_of(stream, file.state.path, start, columns, piece)
            start = 0


def _rows_of(stream: IO[bytes], path: str, start: int, columns: list[str], piece: int) -> Iterator[pa.RecordBatch]:
    parquet = _opened(stream, path)
    missing = [name for name in columns if name not in parquet.schema_arrow.names]
    if missing:
        raise ScoringFault("ColumnMissing", f"{path} has no column {missing[0]!r}")
    groups = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
    first = 0
    while first < len(groups) and start >= groups[first]:
        start -= groups[first]
        first += 1
    if first == len(groups):
        return
    wanted = list(range(first, len(groups)))
    try:
        for batch in parquet.iter_batches(piece, row_groups=wanted, columns=columns, use_threads=False):
            skipped = min(start, batch.num_rows)
            start -= skipped
            if batch.num_rows > skipped:
                yield batch.slice(skipped)
    except pa.ArrowInvalid as error:
        raise ScoringFault("InputUnreadable", f"{path} is no readable Parquet file: {error}") from error


class Reader:
    """Hands out exactly as many rows as are asked for, whatever row groups and files they come from."""

    def __init__(self, batches: Iterator[pa.RecordBatch], columns: Sequence[str], schema: pa.Schema) -> None:
        self._batches, self._rest = batches, None
        self._schema = pa.schema([schema.field(name) for name in dict.fromkeys(columns)])

    def take(self, rows: int) -> pa.Table:
        """The next `rows` rows, fewer only at the end of the input. Raises ScoringFault."""
        taken: list[pa.RecordBatch] = []
        while rows:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                break
            taken.append(batch.slice(0, rows))
            self._rest = batch.slice(rows) if batch.num_rows > rows else None
            rows -= taken[-1].num_rows
        return pa.Table.from_batches([self._alike(batch) for batch in taken], self._schema)

    def _alike(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the columns and types of the first file."""
        batch = batch.select(self._schema.names)
        if batch.schema.equals(self._schema, check_metadata=False):
            return pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)
        try:
            return pa.RecordBatch.from_arrays(
                [batch.column(field.name).cast(field.type) for field in self._schema], schema=self._schema
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ScoringFault("InputUnreadable", f"the files of the input have different types: {error}") from error


def open_source(request: ScoringRequest, credentials: dict[str, str]) -> Source:
    """Looks at every file's metadata. Raises ScoringFault: FileMissing where there is no file at all."""
    content = ""
    if request.input.startswith(("http:", "https:")):
        path, content = download(request.input, request.spool, credentials)
        location = Location(request.input, VolumeStore(), str(path))
    else:
        location = locate(request.input, request.data, credentials)
    states = location.files()
    if not states:
        raise ScoringFault("FileMissing", f"{request.input} names no Parquet file")
    described = [_described(location, state) for state in states]
    files, schemas = [one for one, _ in described], [schema for _, schema in described]
    return Source(location, files, schemas[0], content)


def _described(location: Location, state: FileState) -> tuple[InputFile, pa.Schema]:
    with answering(location.uri), location.store.open(state.path) as stream:
        parquet = _opened(stream, state.path)
        schema = pa.schema([_plain(field) for field in parquet.schema_arrow])
        return InputFile(state, parquet.metadata.num_rows, _footer_digest(stream, state.size)), schema


def _plain(field: pa.Field) -> pa.Field:
    """Without the metadata of who wrote it; a dictionary as the values that it stands for."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, kind)


def _opened(stream: IO[bytes], path: str) -> Any:
    try:
        return pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise ScoringFault("InputUnreadable", f"{path} is no readable Parquet file: {error}") from error


def _footer_digest(stream: IO[bytes], size: int) -> str:
    stream.seek(size - _FOOTER)
    length = int.from_bytes(stream.read(4), "little")
    stream.seek(size - _FOOTER - length)
    return hashlib.sha256(stream.read(length)).hexdigest()
