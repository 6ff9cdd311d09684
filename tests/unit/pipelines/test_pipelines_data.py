"""Acquire, validate, split: good data arrives as it is, bad data is refused with its column named."""

from __future__ import annotations

import gzip
import http.server
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway_pipelines.acquire import acquire
from slipway_pipelines.columns import Columns
from slipway_pipelines.data.source import Acquired, Source
from slipway_pipelines.faults import DataFault, Fault, TransientFault
from slipway_pipelines.split import SplitPlan, assigned, divided
from slipway_pipelines.validate import canonical, validate

from tests.loopback import answering
from tests.unit.pipelines.made import COLUMNS, table

BINARY = "BinaryClassification"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
LIMIT = 10_000_000


def read(uri: str) -> Acquired:
    return acquire([Source("a", uri)], COLUMNS, LIMIT)


def put(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return path.as_uri()


@pytest.fixture(scope="module")
def csv() -> bytes:
    return table().to_csv(index=False).encode()


@pytest.fixture(scope="module")
def parquet() -> bytes:
    buffer = io.BytesIO()
    table().to_parquet(buffer)
    return buffer.getvalue()


def test_csv_gzip_and_parquet_give_the_same_rows(tmp_path: Path, csv: bytes, parquet: bytes) -> None:
    plain = read(put(tmp_path / "a.csv", csv))
    zipped = read(put(tmp_path / "a.csv.gz", gzip.compress(csv)))
    columnar = read(put(tmp_path / "a.parquet", parquet))
    assert plain.digest == zipped.digest != columnar.digest
    rows = [validate(each.table, COLUMNS, BINARY, "1") for each in (plain, zipped, columnar)]
    pd.testing.assert_frame_equal(rows[0], rows[1])
    pd.testing.assert_frame_equal(rows[0], rows[2], check_exact=False)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "SourceEmpty"),
        ("a.csv", b"a,b\n" * 4_000_000, "SourceTooLarge"),
        ("a.csv.gz", gzip.compress(b"a,b\n" * 4_000_000, mtime=0), "SourceTooLarge"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "SourceUnreadable"),
        ("a.parquet", b"PAR1 and no more", "SourceUnreadable"),
        ("a.csv", "naïve".encode("latin-1"), "SourceUnreadable"),
        ("a.csv", b"a,b\n1,2,3,4\n1\n2,3,4,5,6", "SourceUnreadable"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(DataFault) as caught:
        read(put(tmp_path / name, content))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("uri", "reason"), [("ftp://lake/a.csv", "SourceUnsupported"), ("file:///nowhere/a.csv", "SourceUnreadable")]
)
def test_a_source_that_cannot_be_is_refused(uri: str, reason: str) -> None:
    with pytest.raises(DataFault) as caught:
        read(uri)
    assert caught.value.reason == reason


class _Answers(http.server.BaseHTTPRequestHandler):
    """The path says what is answered: a status, or `short` for a body that breaks off."""

    def do_GET(self) -> None:
        status = 200 if self.path == "/short" else int(self.path[1:])
        self.send_response(status)
        self.send_header("content-length", "100" if self.path == "/short" else "8")
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with answering(_Answers) as address:
        yield f"http://{address}"


def test_http_is_read(server: str) -> None:
    found = read(f"{server}/200")
    assert (len(found.table), found.available) == (1, ("a", "b"))


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/404", DataFault, 1),
        ("/403", DataFault, 1),
        ("/503", TransientFault, 75),
        ("/429", TransientFault, 75),
        ("/short", TransientFault, 75),
    ],
)
def test_an_absent_file_is_final_and_an_ill_server_is_not(server: str, path: str, kind: type[Fault], code: int) -> None:
    with pytest.raises(kind) as caught:
        read(server + path)
    assert caught.value.exit_code == code


def test_a_server_that_is_away_may_come_back() -> None:
    with pytest.raises(TransientFault):
        read("http://127.0.0.1:9/a.csv")


def broken(**columns: Any) -> pd.DataFrame:
    return table(100).assign(**columns)


@pytest.mark.parametrize(
    ("frame", "reason", "named"),
    [
        (table(100).drop(columns="amount"), "ColumnMissing", "no column 'amount'"),
        (broken(amount="cheap"), "ColumnType", "'amount' is declared Numeric, but 100 values are not, such as 'cheap'"),
        (broken(at="yesterday"), "ColumnType", "'at' is the timestamp"),
        (broken(at=17), "ColumnType", "holds numbers"),
        (broken(card=None), "ColumnIncomplete", "'card'"),
        (broken(fraud="0"), "LabelValues", "nothing to learn"),
        (broken(fraud=["a", "b", "c", "d"] * 25), "LabelValues", "'a', 'b', 'c', 'd'"),
        (broken(fraud=["yes", "no"] * 50), "LabelValues", "calls '1' positive"),
        (broken(fraud=None), "NoLabelledRows", "'fraud'"),
    ],
)
def test_bad_columns_are_named_with_what_was_found(frame: pd.DataFrame, reason: str, named: str) -> None:
    with pytest.raises(DataFault, match=named) as caught:
        validate(frame, COLUMNS, BINARY, "1")
    assert caught.value.reason == reason


def test_a_role_is_no_feature() -> None:
    leaking = replace(COLUMNS, numeric=("amount", "fraud"))
    with pytest.raises(DataFault, match="may not see"):
        validate(table(100), leaking, BINARY, "1")


def test_a_feature_may_have_another_column_than_its_name() -> None:
    renamed = replace(COLUMNS, numeric=("paid", "items"), sources={"paid": "amount"})
    rows = validate(table(100), renamed, BINARY, "1")
    assert rows["paid"].tolist() == table(100)["amount"].tolist()
    assert "amount" not in rows


def test_missing_values_stay_missing_and_undeclared_columns_go() -> None:
    rows = validate(table(100).assign(secret=1), COLUMNS, BINARY, "1")
    assert rows["items"].isna().sum() == 5
    assert [value for value in rows["country"] if not isinstance(value, str)] == [None] * 4
    assert "secret" not in rows


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 0], ["1", "0"]), ([1.0, 0.0], ["1", "0"]), (["1.0", "0"], ["1", "0"]), ([True, False], ["1", "0"]),
        (["007", "7"], ["007", "7"]), ([" yes", "no "], ["yes", "no"]), (["1.5", "0"], ["1.5", "0"]),
    ],
)  # fmt: skip
def test_labels_have_one_spelling(values: list[Any], texts: list[str]) -> None:
    assert canonical(pd.Series(values)).tolist() == texts


def parts(by: str, columns: Columns = COLUMNS, frame: pd.DataFrame | None = None, seed: int = 1) -> Any:
    rows = validate(table() if frame is None else frame, columns, BINARY, "1")
    return divided(rows, columns, assigned(rows, columns, SplitPlan(by, SHARES, seed)), by)


def test_by_time_the_future_judges_the_past() -> None:
    found = parts("Time")
    assert found.rows == {"train": 420, "validation": 90, "test": 90}
    assert found.train["at"].max() < found.validation["at"].min()
    assert found.validation["at"].max() < found.test["at"].min()


def test_by_time_rows_of_one_instant_stay_together() -> None:
    frame = table()
    frame["at"] = frame["at"].dt.floor("1D")
    found = parts("Time", frame=frame)
    assert not set(found.train["at"]) & set(found.test["at"])
    assert sum(found.rows.values()) == 600


def test_by_entity_nobody_is_in_two_parts() -> None:
    found = parts("Entity")
    cards = [set(part["card"]) for part in (found.train, found.validation, found.test)]
    assert not cards[0] & cards[1]
    assert not cards[0] & cards[2]
    assert abs(len(cards[0]) / len(set.union(*cards)) - 0.7) < 0.02


def test_by_column_the_file_decides() -> None:
    frame = table().assign(part=["train"] * 400 + ["validation"] * 100 + ["test"] * 100)
    found = parts("Column", replace(COLUMNS, split="part"), frame)
    assert found.rows == {"train": 400, "validation": 100, "test": 100}
    assert found.test["id"].tolist() == frame["id"].tolist()[500:]


@pytest.mark.parametrize(
    ("by", "columns", "values", "reason"),
    [
        ("Time", replace(COLUMNS, timestamp=None), "train", "SplitNeedsTimestamp"),
        ("Entity", replace(COLUMNS, entity=None), "train", "SplitNeedsEntity"),
        ("Column", COLUMNS, "train", "SplitNeedsColumn"),
        ("Column", replace(COLUMNS, split="part"), "holdout", "SplitValues"),
        ("Column", replace(COLUMNS, split="part"), "train", "SplitEmpty"),
        ("Weekday", COLUMNS, "train", "SplitUnsupported"),
    ],
)
def test_a_split_that_cannot_be_is_refused(by: str, columns: Columns, values: str, reason: str) -> None:
    with pytest.raises(DataFault) as caught:
        parts(by, columns, table().assign(part=values))
    assert caught.value.reason == reason


def test_training_rows_of_one_class_are_refused() -> None:
    frame = table().sort_values("at").assign(fraud=["0"] * 500 + ["1"] * 100)
    with pytest.raises(DataFault) as caught:
        parts("Time", frame=frame)
    assert caught.value.reason == "SplitOneClass"


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["Time", "Entity", "Random"]), st.integers(0, 9), st.integers(0, 99))
def test_a_split_is_a_partition_that_does_not_depend_on_the_order_of_entities(by: str, seed: int, shuffle: int) -> None:
    frame = table(200)
    found, again = (
        parts(by, frame=frame, seed=seed),
        parts(by, frame=frame.sample(frac=1, random_state=shuffle), seed=seed),
    )
    ids = [set(part["id"]) for part in (found.train, found.validation, found.test)]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 200
    if by != "Random":
        assert ids == [set(part["id"]) for part in (again.train, again.validation, again.test)]
