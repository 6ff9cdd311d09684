"""The columns of the prediction log: their types, what is left out or hashed, and what comes back as it was."""

from __future__ import annotations

import hashlib
import hmac
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from arro3.io import write_parquet
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.service.answers import Answer
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.schema import Column, Form, Schema
from slipway_serving.service.tensors import TensorInput

from tests.unit.serving.logged import KEY, NOON, SCHEMA, entry, secret

pytestmark = pytest.mark.long


def table(schema: Schema, *entries: Any, **settings: Any) -> pa.Table:
    """What another reader finds in the file that these entries make."""
    layout = RowLayout(schema, "7", LogSettings("file:///x", **settings))
    sink = io.BytesIO()
    write_parquet(layout.batch(entries), sink, compression="zstd(1)")
    return parquet.read_table(pa.BufferReader(sink.getvalue()))


def test_every_type_of_feature_is_a_column_of_its_own_type_and_missing_is_null() -> None:
    kinds = {
        "double": (1.5, float("nan"), pa.float64()), "float": (0.5, float("nan"), pa.float32()),
        "long": (2**60, float("nan"), pa.int64()), "integer": (7, float("nan"), pa.int32()),
        "boolean": (True, None, pa.bool_()), "string": ("ü", None, pa.string()),
        "datetime": (datetime(2026, 1, 31, 12), None, pa.timestamp("us", tz="UTC")),
    }  # fmt: skip
    schema = Schema(tuple(Column(f"a {kind}", kind) for kind in kinds))
    columns = [[value, missing] for value, missing, _ in kinds.values()]
    found = table(schema, entry(columns=columns, keys=[], rows=2, answer=None))
    for kind, (value, _, expected) in kinds.items():
        column = found[f"feature_a {kind}"]
        assert column.type == expected
        stored, missing = column.to_pylist()
        assert missing is None
        assert (stored.replace(tzinfo=None) if kind == "datetime" else stored) == value


def test_tensors_are_lists_in_row_major_order() -> None:
    inputs = (TensorInput("pixels", "uint8", (2, 2)), TensorInput("words", "str", (-1,)))
    pixels = [np.array([[1, 2], [3, 4]], np.uint8), np.array([[5, 6], [7, 8]], np.uint8)]
    words = [np.array(["a", "b"], object), np.array(["c", "d"], object)]
    schema = Schema(inputs, Form.TENSORS)
    found = table(schema, entry(columns=[pixels, words], keys=[], rows=2, answer=None))
    assert found["feature_pixels"].type == pa.list_(pa.uint8())
    assert found["feature_pixels"].to_pylist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert found["feature_words"].to_pylist() == [["a", "b"], ["c", "d"]]


def test_a_row_says_who_asked_what_was_answered_and_by_what() -> None:
    (row,) = table(SCHEMA, entry(time=NOON, amount=float("nan"), country=None)).to_pylist()
    assert row == {
        "request_id": "request-1", "prediction_id": "p" * 32, "instance": 0,
        "time": datetime(2026, 5, 1, 12, tzinfo=UTC), "traffic": "live",
        "version": "7", "epoch": 3, "entity": "e" * 64, "status": 200, "latency_seconds": 0.002,
        "answer": "1", "score": 0.75, "threshold": 0.5, "propensity": None, "key_card": "4711",
        "holdout": None, "withheld": None,
        "feature_amount": None, "feature_country": None,
    }  # fmt: skip


def test_an_answer_that_a_rule_gave_has_no_score() -> None:
    answer = Answer([1, 0], np.array([1, 0]), np.array([np.nan, 0.25]), 0.5, np.array([0, -1]))
    found = table(SCHEMA, entry(columns=[[1.0, 2.0], ["it", "de"]], keys=[["a", "b"]], rows=2, answer=answer))
    assert found["score"].to_pylist() == [None, 0.25]
    assert found["answer"].to_pylist() == ["1", "0"]


def test_columns_that_are_left_out_are_nowhere_and_hashed_ones_only_who_has_the_key_can_tell(tmp_path: Path) -> None:
    settings = {"omit": frozenset({"country"}), "hash": frozenset({"card", "amount"})}
    found = table(SCHEMA, entry(amount=2.0), secret=secret(tmp_path, hash_key=KEY), **settings)
    assert "feature_country" not in found.column_names
    expected = [hmac.new(KEY.encode(), text, hashlib.sha256).hexdigest()[:32] for text in (b"4711", b"2.0")]
    assert [found["key_card"].to_pylist()[0], found["feature_amount"].to_pylist()[0]] == expected


def test_the_hash_of_a_value_is_that_of_its_text_in_json_without_quotes(tmp_path: Path) -> None:
    texts = {
        "double": (2.0, b"2.0"), "long": (7, b"7"), "boolean": (True, b"true"), "string": ('a "b"', b'a "b"'),
        "datetime": (datetime(2026, 1, 31, 12), b"2026-01-31T12:00:00"),
    }  # fmt: skip
    schema = Schema(tuple(Column(kind, kind) for kind in texts))
    asked = entry(columns=[[value] for value, _ in texts.values()], keys=[], answer=None)
    found = table(schema, asked, secret=secret(tmp_path, hash_key=KEY), hash=frozenset(texts))
    for kind, (_, text) in texts.items():
        expected = hmac.new(KEY.encode(), text, hashlib.sha256).hexdigest()[:32]
        assert found[f"feature_{kind}"].to_pylist() == [expected], kind


@given(st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=20))
def test_texts_come_back_as_they_were(values: list[str | None]) -> None:
    schema = Schema((Column("note", "string"),))
    found = table(schema, entry(columns=[values], keys=[], rows=len(values), answer=None))
    assert found["feature_note"].to_pylist() == values


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were_and_nan_is_missing(values: list[float]) -> None:
    schema = Schema((Column("x", "double"),))
    found = table(schema, entry(columns=[values], keys=[], rows=len(values), answer=None))
    assert found["feature_x"].to_pylist() == [None if value != value else value for value in values]
