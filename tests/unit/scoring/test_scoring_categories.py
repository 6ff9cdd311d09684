"""A category is spelled in a batch as it was in training, whatever Parquet holds it as."""

from __future__ import annotations

import io
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_pipelines.columns import Columns
from slipway_pipelines.validate import validate
from slipway_serving.scoring.request import ScoringRequest
from slipway_serving.scoring.rows import Instances
from slipway_serving.service.schema import Column, Form, Schema

_SCHEMA = Schema((Column("kind", "string", nullable=True),), Form.FRAME)


def written(values: list[Any], kind: pa.DataType | None) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"kind": pa.array(values, kind), "label": pa.array([str(n % 2) for n in range(len(values))])})
    pq.write_table(table, buffer)
    return buffer.getvalue()


def trained(content: bytes) -> list[str | None]:
    columns = Columns(numeric=(), categorical=("kind",), label="label")
    rows = validate(pd.read_parquet(io.BytesIO(content)), columns, "BinaryClassification", "1")
    return [value if isinstance(value, str) else None for value in rows["kind"]]


def scored(content: bytes) -> list[str | None]:
    table = pq.read_table(io.BytesIO(content))
    return [row["kind"] for row in Instances(_SCHEMA, ScoringRequest("", ""), table.column_names).read(table)]


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        ([1.0, 2.5, None, math.nan], pa.float64(), ["1", "2.5", None, None]),
        ([0.1, 3.0], pa.float32(), ["0.10000000149011612", "3"]),
        ([True, False], None, ["1", "0"]),
        ([True, None], None, ["1", None]),
        ([1, None], pa.int64(), ["1", None]),
        ([7, 8], pa.int8(), ["7", "8"]),
        (["1.0", "007", None], None, ["1.0", "007", None]),
        (["it", "de"], pa.dictionary(pa.int8(), pa.string()), ["it", "de"]),
        ([b"it", "d\u00e9".encode(), b"\xff", None], pa.binary(), ["it", "d\u00e9", "\\xff", None]),
        ([Decimal("1.50"), Decimal("2.00")], pa.decimal128(5, 2), ["1.50", "2.00"]),
        ([date(2026, 5, 1)] * 2, None, ["2026-05-01"] * 2),
        ([time(12, 30)] * 2, None, ["12:30:00"] * 2),
        ([datetime(2026, 5, 1, 12)] * 2, pa.timestamp("us"), ["2026-05-01 12:00:00"] * 2),
        ([datetime(2026, 5, 1, tzinfo=UTC), None], pa.timestamp("ms", "UTC"), ["2026-05-01 00:00:00+00:00", None]),
    ],
)  # fmt: skip
def test_training_and_batch_agree(values: list[Any], kind: pa.DataType | None, texts: list[str | None]) -> None:
    content = written([*values, *values], kind)  # both classes of the label
    assert trained(content) == scored(content) == [*texts, *texts]


@given(
    values=st.one_of(
        st.lists(st.one_of(st.none(), st.floats()), min_size=2),
        st.lists(st.one_of(st.none(), st.booleans()), min_size=2),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2),
        st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"))), min_size=2),
    )
)
def test_training_and_batch_agree_on_whatever_a_column_holds(values: list[Any]) -> None:
    content = written(values, None)
    assert trained(content) == scored(content)
