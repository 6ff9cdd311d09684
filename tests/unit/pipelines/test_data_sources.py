"""Several sources, patterns, directories, databases, odd files: rows arrive, or the message says what is wrong."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from slipway_pipelines.acquire import acquire
from slipway_pipelines.columns import Columns
from slipway_pipelines.data.contract import check_contract, contract_columns
from slipway_pipelines.data.source import ORIGIN, Acquired, Source
from slipway_pipelines.faults import DataFault

COLUMNS = Columns(("amount", "share of cart"), ("land",), "fraud", id="id")
HEADER = "id,amount,share of cart,land,fraud,unused\n"
LIMIT = 1_000_000


def rows(first: int, count: int) -> str:
    return "".join(f"t{n},{n}.5,0.{n},IT,{n % 2},x\n" for n in range(first, first + count))


def read(*sources: Source) -> Acquired:
    return acquire(sources, COLUMNS, LIMIT)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    for month, first in (("01", 0), ("02", 3)):
        (tmp_path / f"2026-{month}").mkdir()
        (tmp_path / f"2026-{month}" / "rows.csv").write_text(HEADER + rows(first, 3))
    (tmp_path / "2026-02" / "_temporary.csv").write_text("half")
    (tmp_path / "2026-02" / "notes.txt").write_text("no data")
    return tmp_path


@pytest.mark.parametrize("uri", ["{}", "{}/*/rows.csv", "{}/**", "{}/2026-*/*.csv"])
def test_a_directory_and_a_pattern_are_all_their_files(lake: Path, uri: str) -> None:
    wanted = uri if uri != "{}/**" else "{}/**/*.csv"
    found = read(Source("lake", wanted.format(lake.as_uri())))
    assert found.table["id"].tolist() == [f"t{n}" for n in range(6)]
    assert len(found.files) == 2
    assert "unused" in found.available
    assert "unused" not in found.table


def test_the_digest_is_of_the_content_whatever_the_place(lake: Path, tmp_path: Path) -> None:
    one = read(Source("lake", f"{lake.as_uri()}/*/rows.csv"))
    moved = tmp_path / "moved"
    moved.mkdir()
    for place, file in enumerate(sorted(lake.glob("2026*/rows.csv"))):
        (moved / f"{place}.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    other = read(Source("moved", f"{moved.as_uri()}/"))
    assert one.digest == other.digest
    (moved / "0.csv.gz").write_bytes(gzip.compress((HEADER + rows(7, 3)).encode()))
    assert read(Source("moved", f"{moved.as_uri()}/")).digest != one.digest


def test_rows_in_another_order_are_other_data(lake: Path, tmp_path: Path) -> None:
    one = read(Source("lake", f"{lake.as_uri()}/*/rows.csv"))
    turned = tmp_path / "turned"
    turned.mkdir()
    for place, file in enumerate(sorted(lake.glob("2026*/rows.csv"), reverse=True)):
        (turned / f"{place}.csv").write_bytes(file.read_bytes())
    other = read(Source("turned", f"{turned.as_uri()}/"))
    assert one.table["id"].tolist() != other.table["id"].tolist()
    assert one.digest != other.digest


def test_sources_of_two_formats_and_origins_are_one_table(lake: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"fraud": [1], "land": ["FR"], "amount": [7], "id": ["p1"], "share of cart": [0.5]})
    frame.to_parquet(tmp_path / "made.parquet")
    found = read(
        Source("lake", (lake / "2026-01" / "rows.csv").as_uri(), origin="Organic"),
        Source("made", (tmp_path / "made.parquet").as_uri(), origin="Synthetic"),
    ).table
    assert found[ORIGIN].tolist() == ["Organic"] * 3 + ["Synthetic"]
    assert found["amount"].tolist() == [0.5, 1.5, 2.5, 7]


def test_rows_of_a_query_are_read_and_the_url_is_in_no_message(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "warehouse.db") as database:
        database.execute("create table payments (id text, amount real, land text, fraud int, 'share of cart' real)")
        database.execute("insert into payments values ('t1', 3.5, 'IT', 1, 0.2), ('t2', 4, null, 0, 0.1)")
    url = f"sqlite:///{tmp_path}/warehouse.db"
    good = Source("db", query="select * from payments order by id", credentials={"url": url})
    found = read(good)
    assert found.table["amount"].tolist() == [3.5, 4]
    assert found.digest == read(good).digest
    for credentials, query, reason in (
        ({}, "select 1", "SecretIncomplete"),
        ({"url": url}, "select * from nowhere", "DatabaseUnavailable"),
        ({"url": "nosuch://user:hush@host/db"}, "select 1", "DatabaseUnsupported"),
        ({"url": url}, "select * from payments where amount > 99", "SourceEmpty"),
    ):
        with pytest.raises(DataFault) as caught:
            read(Source("db", query=query, credentials=credentials))
        assert caught.value.reason == reason
        assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "amounts"),
    [
        ((HEADER + rows(0, 2)).encode("utf-16"), [0.5, 1.5]),
        ((HEADER + rows(0, 2)).encode("utf-8-sig"), [0.5, 1.5]),
        ((HEADER + rows(0, 2)).replace(",", ";").encode(), [0.5, 1.5]),
        ((HEADER + rows(0, 2)).replace(",", "\t").encode(), [0.5, 1.5]),
        ((HEADER + rows(0, 2)).replace("\n", "\r\n").encode(), [0.5, 1.5]),
        ((HEADER + 't0," 7 ",NA,"It, ""y""",1,x\n').encode(), [7.0]),
    ],
)
def test_files_as_people_write_them_are_read(tmp_path: Path, content: bytes, amounts: list[float]) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = read(Source("a", (tmp_path / "a.csv").as_uri())).table
    assert found["amount"].tolist() == amounts
    assert found["share of cart"].dtype == float


@pytest.mark.parametrize(
    ("content", "reason", "named"),
    [
        (b"<!doctype html><p>Sign in</p>", "SourceUnreadable", "HTML"),
        (HEADER.encode() + b"t1,2\n", "SourceUnreadable", "CSV"),
        (b"\n\n", "SourceUnreadable", "header"),
    ],
)
def test_what_only_looks_like_a_table_is_refused(tmp_path: Path, content: bytes, reason: str, named: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataFault, match=named) as caught:
        read(Source("a", (tmp_path / "a.csv").as_uri()))
    assert caught.value.reason == reason


def test_a_pattern_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="matches no file"):
        read(Source("a", f"{tmp_path.as_uri()}/*.parquet"))


CONTRACT = """
schema_type: dataframe
columns:
  amount: {dtype: float64, checks: {greater_than_or_equal_to: 0}}
  items: {dtype: int64, nullable: false}
  land: {dtype: object, nullable: true, checks: {isin: [IT, FR]}}
"""


def test_a_contract_names_columns_that_the_task_does_not() -> None:
    assert contract_columns(CONTRACT) == (("amount", "items", "land"), ("amount", "items"))


def test_rows_that_keep_the_contract_pass_and_others_are_shown() -> None:
    kept = pd.DataFrame({"amount": [1.0, 2.0], "items": [1.0, 2.0], "land": ["IT", None]})
    check_contract(kept, CONTRACT)
    with pytest.raises(DataFault, match=r"'amount' breaks greater_than.*-3\.0, first in data row 2.*'land'") as caught:
        check_contract(kept.assign(amount=[1.0, -3.0], land=["IT", "US"]), CONTRACT)
    assert caught.value.reason == "ContractBroken"


@pytest.mark.parametrize("text", ["columns: 3", "- a", "columns: {a: {dtype: nonsense}}", "{"])
def test_a_contract_that_is_none_is_refused(text: str) -> None:
    def read_and_checked() -> None:
        contract_columns(text)
        check_contract(pd.DataFrame({"a": [1]}), text)

    with pytest.raises(DataFault) as caught:
        read_and_checked()
    assert caught.value.reason == "ContractInvalid"
