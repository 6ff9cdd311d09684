"""Rows of a Parquet file as the instances that a request would carry, so that both are checked and answered alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pyarrow as pa
from slipway.features.spelling import as_category

from slipway_serving.scoring.faults import ScoringFault
from slipway_serving.scoring.request import ScoringRequest
from slipway_serving.service.schema import Column, Form, Schema


class Instances:
    """Knows which columns of the input a model wants, and how an instance is made of them."""

    def __init__(self, schema: Schema, request: ScoringRequest, available: list[str]) -> None:
        """Raises ScoringFault when the input lacks a column."""
        self._by_name = schema.form in (Form.FRAME, Form.TENSORS)
        if self._by_name:
            named = [(one.name, one) for one in schema.columns]
        else:
            known = list(request.features) or [one.name for one in schema.columns]
            named = list(zip_longest(known, schema.columns[: len(known)]))
        wanted = [(name, request.source(name), column) for name, column in named]
        for name, source, column in wanted:
            if source not in available and not _may_lack(column):
                raise ScoringFault("ColumnMissing", f"the input has no column {source!r}, which is the feature {name}")
        self._parts = [(name, source, _reader(column)) for name, source, column in wanted if source in available]
        self._single = schema.form is Form.TENSOR and len(self._parts) == 1

    @property
    def columns(self) -> list[str]:
        """Columns of the input."""
        return [source for _, source, _ in self._parts]

    def read(self, table: pa.Table) -> list[Any]:
        """An instance for each row: an object by name, or a list by position."""
        values = [[convert(one) for one in table.column(source).to_pylist()] for _, source, convert in self._parts]
        rows = zip(*values, strict=True)
        if self._by_name:
            names = [name for name, _, _ in self._parts]
            return [dict(zip(names, row, strict=True)) for row in rows]
        return [row[0] for row in rows] if self._single else [list(row) for row in rows]


def _may_lack(column: Any) -> bool:
    return isinstance(column, Column) and column.optional and column.nullable


def _reader(column: Any) -> Callable[[Any], Any]:
    """Categories are text to a model, spelled as they were in training, whatever a file holds them as."""
    return _category if isinstance(column, Column) and column.type == "string" else plain


def _category(value: Any) -> Any:
    """Missing values stay missing; lists and objects are no categories, and are refused as what they are."""
    kept = value is None or value != value or isinstance(value, list | dict)
    return plain(value) if kept else as_category(value)


def plain(value: Any) -> Any:
    """A value of Parquet as JSON would carry it; NaN, which JSON has not, is a missing value."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value
