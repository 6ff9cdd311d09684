"""Training rows from a real S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway_pipelines.acquire import acquire
from slipway_pipelines.data.source import Source
from slipway_pipelines.faults import DataFault, TransientFault

from tests.stores.s3 import S3Server, new_server
from tests.unit.pipelines.made import COLUMNS, table

LIMIT = 10_000_000


def source(server: S3Server, uri: str, **changed: str) -> Source:
    return Source("lake", uri, credentials={**server.secret_data(), **changed})


@pytest.fixture
def server(tmp_path: Path) -> S3Server:
    made = new_server(tmp_path / "s3", tls=True)
    rows, lake = table(300), made.bucket("lake")
    for month, part in enumerate((rows[:100], rows[100:200], rows[200:]), 1):
        (lake / f"month={month}").mkdir()
        part.to_parquet(lake / f"month={month}" / "rows.parquet")
    (lake / "month=3" / "_SUCCESS").write_text("")
    rows.to_csv(lake / "all rows.csv.gz", index=False)
    return made


@pytest.mark.parametrize("uri", ["s3://lake/*/rows.parquet", "s3://lake/**/*.parquet", "s3://lake/all%20rows.csv.gz"])
def test_patterns_and_single_objects_are_read(server: S3Server, uri: str) -> None:
    with server.running():
        found = acquire([source(server, uri)], COLUMNS, LIMIT)
    assert found.table["id"].tolist() == table(300)["id"].tolist()


def test_a_directory_is_its_data(server: S3Server) -> None:
    with server.running():
        found = acquire([source(server, "s3://lake/month=3/")], COLUMNS, LIMIT)
    assert [file.uri for file in found.files] == ["s3://lake/month=3/rows.parquet"]


def test_wrong_keys_and_absent_objects_are_final_and_an_outage_is_not(server: S3Server) -> None:
    with server.running():
        with pytest.raises(DataFault):
            acquire([source(server, "s3://lake/*/rows.parquet", AWS_SECRET_ACCESS_KEY="wrong")], COLUMNS, LIMIT)
        with pytest.raises(DataFault):
            acquire([source(server, "s3://lake/absent.parquet")], COLUMNS, LIMIT)
        with pytest.raises(DataFault, match="matches no file"):
            acquire([source(server, "s3://lake/absent/*.parquet")], COLUMNS, LIMIT)
    with pytest.raises(TransientFault):
        acquire([source(server, "s3://lake/*/rows.parquet")], COLUMNS, LIMIT)
