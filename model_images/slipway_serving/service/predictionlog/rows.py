"""Requests as columns of Arrow: the one place that knows the log's schema (docs/prediction-log.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, list_array
from arro3.core import Schema as ArrowSchema
from numpy.typing import NDArray

from slipway_serving.service.predictionlog.queue import Entry
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.schema import Column, Schema
from slipway_serving.service.tensors import TensorInput

FEATURE, KEY = "feature_", "key_"
_LONGEST_TEXT = 1024
_INSTANT = DataType.timestamp("us", tz="UTC")
_TEXT = DataType.utf8()
_TYPES = {
    "double": DataType.float64(),
    "float": DataType.float32(),
    "long": DataType.int64(),
    "integer": DataType.int32(),
    "boolean": DataType.bool(),
    "string": _TEXT,
    "datetime": _INSTANT,
}
_NUMPY = {"double": np.float64, "float": np.float32}
_LABELS = (str, bool, int)
Values = list[Any]
# Made once: `json.dumps` with options makes an encoder for every value.
_ENCODE = json.JSONEncoder(separators=(",", ":"), default=str).encode


class Rows:
    """The rows of some entries. A value of each entry, or the values of an input, are picked for all rows at once:
    what a log costs is what is done for each cell."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._sizes = [entry.rows for entry in entries]
        self.count = sum(self._sizes)
        self._single = self.count == len(entries) == self._sizes.count(1)
        self._inputs = list(zip(*(entry.columns for entry in entries), strict=True))
        self._keys = list(zip(*(entry.keys for entry in entries), strict=True))

    def repeated(self, of: Callable[[Entry], Any]) -> Values:
        """A value of each entry, once for each of its rows."""
        values = list(map(of, self.entries))
        return values if self._single else list(chain.from_iterable(map(repeat, values, self._sizes)))

    def values(self, position: int) -> Iterable[Any]:
        """The values of an input."""
        return chain.from_iterable(self._inputs[position])

    def keys(self, position: int) -> Iterable[Any]:
        """The values of an identifying column."""
        return chain.from_iterable(self._keys[position])

    def instances(self) -> Array:
        """The place of each row in its request."""
        if self._single:
            return Array(np.zeros(self.count, np.int32))
        return Array(np.concatenate([np.arange(size, dtype=np.int32) for size in self._sizes]))


class LogColumn(NamedTuple):
    """A column of the log: its name and type, and how it is filled for some rows."""

    name: str
    type: DataType
    fill: Callable[[Rows], Array]


class RowLayout:
    """The columns of one model's log."""

    def __init__(self, schema: Schema, version: str, settings: LogSettings) -> None:
        """Raises ValueError where the settings name a column that no request has: a misspelt one would be written in
        clear."""
        _check_names(schema, settings)
        hashed = _Hashed(settings.hash_key())
        columns = [*_request_columns(version), *_answer_columns()]
        for position, name in enumerate(sorted(schema.tolerated)):
            if name not in settings.omit:
                columns.append(_key(name, position, hashed if name in settings.hash else text_of))
        for position, column in enumerate(schema.columns):
            if column.name not in settings.omit:
                chosen = _hashed_feature if column.name in settings.hash else _feature
                columns.append(chosen(column, position, hashed))
        self._columns = tuple(columns)
        self.schema = ArrowSchema([Field(one.name, one.type, nullable=True) for one in columns])
        self.texts = tuple(one.name for one in columns if one.type == _TEXT)
        # A group of rows is kept in memory until it is complete: few rows where a row is wide.
        width = len(columns) + sum(_extent(one) for one in schema.columns)
        self.group_rows = max(64, min(4096, 400_000 // width))

    def batch(self, entries: Sequence[Entry]) -> RecordBatch:
        """A row for each instance of each entry. Raises whatever a value does that its column cannot hold."""
        rows = Rows(entries)
        return RecordBatch.from_arrays([one.fill(rows) for one in self._columns], schema=self.schema)


def _check_names(schema: Schema, settings: LogSettings) -> None:
    known = {column.name for column in schema.columns} | schema.tolerated
    for field, names in (("omit", settings.omit), ("hash", settings.hash)):
        unknown = sorted(names - known)
        if unknown:
            raise ValueError(
                f"predictionLog.{field} names {', '.join(map(repr, unknown))}, which no request to this model carries; "
                f"its features and keys are {', '.join(sorted(known))[:1000]}"
            )


def text_of(value: Any) -> str | None:
    """A value as text, as JSON writes it and without quotes, a time as in a request; None stays None."""
    if value is None or value != value:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    text = value if isinstance(value, str) else _ENCODE(value)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


class _Hashed:
    """HMAC-SHA256 (RFC 2104) of a value's text, its first 32 hex digits: equal values stay equal, and only who has
    the key can tell which they were."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, value: Any) -> str | None:
        text = text_of(value)
        return None if text is None else hmac.digest(self._key, text.encode(), hashlib.sha256).hex()[:32]


def _request_columns(version: str) -> list[LogColumn]:
    def each(of: Callable[[Entry], Any], type: DataType) -> Callable[[Rows], Array]:
        return lambda rows: Array(rows.repeated(of), type)

    return [
        LogColumn("request_id", _TEXT, each(attrgetter("request"), _TEXT)),
        LogColumn("prediction_id", _TEXT, each(attrgetter("prediction"), _TEXT)),
        LogColumn("instance", DataType.int32(), Rows.instances),
        LogColumn("time", _INSTANT, _times),
        LogColumn("traffic", _TEXT, each(attrgetter("origin.traffic"), _TEXT)),
        LogColumn("version", _TEXT, lambda rows: Array([version] * rows.count, _TEXT)),
        LogColumn("epoch", DataType.int64(), each(attrgetter("origin.epoch"), DataType.int64())),
        LogColumn("entity", _TEXT, each(attrgetter("entity"), _TEXT)),
        LogColumn("holdout", DataType.int64(), each(attrgetter("origin.rotation"), DataType.int64())),
        LogColumn("status", DataType.int32(), each(attrgetter("status"), DataType.int32())),
        LogColumn("latency_seconds", DataType.float64(), each(attrgetter("seconds"), DataType.float64())),
    ]


def _answer_columns() -> list[LogColumn]:
    def answers(rows: Rows) -> Array:
        return Array(_texts(chain.from_iterable(map(_told, rows.entries))), _TEXT)

    def withheld(rows: Rows) -> Array:
        return Array(_texts(chain.from_iterable(map(_withheld, rows.entries))), _TEXT)

    def scores(rows: Rows) -> Array:
        return _nullable(np.concatenate(list(map(_scores, rows.entries)), dtype=np.float64), DataType.float64())

    def thresholds(rows: Rows) -> Array:
        values = rows.repeated(lambda entry: entry.answer.threshold if entry.answer else None)
        return Array(values, DataType.float64())

    def unknown(rows: Rows) -> Array:
        return Array([None] * rows.count, DataType.float64())

    return [
        LogColumn("answer", _TEXT, answers),
        LogColumn("score", DataType.float64(), scores),
        LogColumn("threshold", DataType.float64(), thresholds),
        LogColumn("propensity", DataType.float64(), unknown),  # nothing is explored
        LogColumn("withheld", _TEXT, withheld),
    ]


def _told(entry: Entry) -> Sequence[Any]:
    """What was answered, per row."""
    if entry.answer is None:
        return [None] * entry.rows
    return entry.answer.labels if entry.told is None else entry.told


def _withheld(entry: Entry) -> Sequence[Any]:
    """What the model would have answered an entity that is held out, per row."""
    return [None] * entry.rows if entry.answer is None or entry.told is None else entry.answer.labels


def _key(name: str, position: int, read: Callable[[Any], str | None]) -> LogColumn:
    def fill(rows: Rows) -> Array:
        texts = map(read, rows.keys(position))
        return Array([text and text[:_LONGEST_TEXT] for text in texts], _TEXT)

    return LogColumn(KEY + name, _TEXT, fill)


def _hashed_feature(column: Column | TensorInput, position: int, hashed: _Hashed) -> LogColumn:
    def fill(rows: Rows) -> Array:
        values = rows.values(position)
        if isinstance(column, TensorInput):
            values = (value.tolist() for value in values)
        return Array([hashed(value) for value in values], _TEXT)

    return LogColumn(FEATURE + column.name, _TEXT, fill)


def _feature(column: Column | TensorInput, position: int, _: _Hashed) -> LogColumn:
    name = FEATURE + column.name
    if isinstance(column, TensorInput):
        element = _element(column)
        kind = DataType.list(Field("item", element, nullable=True))
        return LogColumn(name, kind, lambda rows: _flat(rows.values(position), element, kind))
    if column.type in _NUMPY:
        return LogColumn(name, _TYPES[column.type], lambda rows: _numbers(rows.values(position), column.type))
    if column.type == "datetime":
        return LogColumn(name, _INSTANT, lambda rows: _instants(rows.values(position)))
    kind = _TYPES[column.type]
    return LogColumn(name, kind, lambda rows: Array(_present(rows.values(position)), kind))


def _scores(entry: Entry) -> NDArray[np.float64]:
    """A score per row; NaN where the model gave none, or was not asked."""
    scores = entry.answer.scores if entry.answer else None
    return np.full(entry.rows, np.nan) if scores is None else scores


def _numbers(values: Iterable[Any], kind: str) -> Array:
    return _nullable(np.fromiter(values, _NUMPY[kind]), _TYPES[kind])


def _nullable(array: NDArray[Any], kind: DataType) -> Array:
    """Missing numbers arrive as NaN and are stored as null."""
    if not np.isnan(array).any():
        return Array(array)
    return Array([None if value != value else value for value in array.tolist()], kind)


def _instants(values: Iterable[Any]) -> Array:
    """Times without a zone are UTC, as the reader of requests made them."""
    ticks = [None if one is None else int(np.datetime64(one, "us").astype(np.int64)) for one in values]
    return Array(ticks, DataType.int64()).cast(_INSTANT)


def _flat(values: Iterable[Any], element: DataType, kind: DataType) -> Array:
    """Tensors as lists in row-major order."""
    arrays = [array.reshape(-1) for array in values]
    offsets = np.cumsum([0, *(len(array) for array in arrays)]).astype(np.int32)
    joined = np.concatenate(arrays)
    inner = Array(joined.tolist(), element) if joined.dtype.kind in "Ob" else Array(joined)
    return list_array(Array(offsets), inner, type=kind)


def _element(column: TensorInput) -> DataType:
    kind = column.array_type
    if kind.kind == "b":
        return DataType.bool()
    return _TEXT if kind.kind == "O" else Array(np.empty(0, kind)).type


def _extent(column: Column | TensorInput) -> int:
    return int(np.prod([abs(extent) for extent in column.shape])) if isinstance(column, TensorInput) else 0


def _present(values: Iterable[Any]) -> Values:
    return [None if value is None or value != value else value for value in values]


def _texts(labels: Iterable[Any]) -> Values:
    """A classifier answers few labels, again and again; of equal ones that are of two types each has its own text."""
    known: dict[tuple[type, Any], str | None] = {}
    found: Values = []
    for label in labels:
        kind = type(label)
        if kind not in _LABELS:
            found.append(text_of(label))
            continue
        if (kind, label) not in known:
            known[kind, label] = text_of(label)
        found.append(known[kind, label])
    return found


def _times(rows: Rows) -> Array:
    return Array(np.array(rows.repeated(attrgetter("time")), np.int64) // 1000).cast(_INSTANT)
