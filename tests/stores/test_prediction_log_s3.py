"""The prediction log and a real S3 server: what is answered is stored once, also after outages and wrong keys."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as dataset
import pytest
from pyarrow.fs import S3FileSystem
from slipway_serving.service.exposition import Page
from slipway_serving.service.predictionlog.log import PredictionLog
from slipway_serving.service.predictionlog.settings import LogSettings

from tests.stores.s3 import S3Server, new_server
from tests.unit.serving.logged import POD, SCHEMA, entry
from tests.unit.serving.models import Slow, save_object
from tests.unit.serving.servers import serving

URI = "s3://lake/predictions/fraud/"


@pytest.fixture
def server(tmp_path: Path) -> S3Server:
    made = new_server(tmp_path / "s3")
    made.bucket("lake")
    return made


def stored(server: S3Server) -> pa.Table:
    """All rows, read by another client than the one that wrote them."""
    files = S3FileSystem(
        access_key=server.access, secret_key=server.secret, endpoint_override=f"{server.host}:{server.port}",
        scheme="https" if server.authority else "http", region="us-east-1",
        tls_ca_file_path=str(server.authority or ""),
    )  # fmt: skip
    return dataset.dataset("lake/predictions/fraud", filesystem=files, format="parquet", partitioning="hive").to_table()


@contextmanager
def logging(tmp_path: Path, secret: Path, **settings: Any) -> Iterator[PredictionLog]:
    chosen = {"rotate_seconds": 0.2, "spool": tmp_path / "spool", "secret": secret, **settings}
    log = PredictionLog(LogSettings(URI, **chosen), POD, SCHEMA)
    yield log
    log.close(20)


def metric(log: PredictionLog, name: str) -> float:
    page = Page({})
    log.render(page)
    lines = [line for line in page.text().splitlines() if line.startswith(f"slipway_prediction_log_{name}{{")]
    return sum(float(line.split()[-1]) for line in lines)


def wait(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.mark.parametrize("tls", [False, True])
def test_every_row_reaches_the_store_once(tls: bool, tmp_path: Path) -> None:
    server = new_server(tmp_path / "s3", tls=tls)
    server.bucket("lake")
    with server.running():
        with logging(tmp_path, server.secret_files(tmp_path / "secret")) as log:
            for number in range(500):
                log.add(entry(request=f"request-{number}", amount=float(number)))
        found = stored(server)
    assert sorted(found["request_id"].to_pylist()) == sorted(f"request-{number}" for number in range(500))
    assert found["feature_amount"].to_pylist() == [float(one.split("-")[1]) for one in found["request_id"].to_pylist()]
    assert set(found["revision"].to_pylist()) == {POD.revision}
    assert metric(log, "rows_total") == 500
    assert metric(log, "dropped_total") == 0


def test_rows_outlast_an_outage_of_the_store(server: S3Server, tmp_path: Path) -> None:
    with logging(tmp_path, server.secret_files(tmp_path / "secret")) as log:
        for number in range(20):
            log.add(entry(request=f"request-{number}"))
        wait(lambda: metric(log, "failing") == 1, 60)
        assert metric(log, "rows_total") == 0
        assert metric(log, "spooled_bytes") > 0
        with server.running():
            wait(lambda: metric(log, "rows_total") == 20, 60)
            assert metric(log, "failing") == 0
            assert stored(server).num_rows == 20
    assert metric(log, "dropped_total") == 0


def test_a_renewed_secret_is_taken_without_a_restart(server: S3Server, tmp_path: Path) -> None:
    secret = server.secret_files(tmp_path / "secret", AWS_SECRET_ACCESS_KEY="wrong")
    with server.running(), logging(tmp_path, secret) as log:
        log.add(entry())
        wait(lambda: metric(log, "failing") == 1, 60)
        server.secret_files(tmp_path / "secret")
        wait(lambda: metric(log, "rows_total") == 1, 100)
        assert metric(log, "failing") == 0


def test_old_files_are_deleted_and_no_others(server: S3Server, tmp_path: Path) -> None:
    directory = server.bucket("lake") / "predictions" / "fraud"
    old = directory / "date=2020-01-31" / "revision=r0" / "120000-pod-1.parquet"
    foreign = (directory / "date=2020-01-31" / "notes.txt", directory / "training" / "table.parquet")
    for file in (old, *foreign):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    retention = 30 * 86_400.0
    with server.running(), logging(tmp_path, server.secret_files(tmp_path / "s"), retention_seconds=retention) as log:
        log.add(entry())
        wait(lambda: metric(log, "expired_total") == 1 and metric(log, "rows_total") == 1)
        assert not old.exists()
        assert all(file.exists() for file in foreign)


def test_a_server_that_is_told_to_end_stores_all_that_it_answered(server: S3Server, tmp_path: Path) -> None:
    secret = server.secret_files(tmp_path / "secret")
    described = {"uri": URI, "secret": str(secret), "spool": str(tmp_path / "spool")}
    model = save_object(tmp_path / "model", Slow(0))
    with server.running(), serving(model, tmp_path, SLIPWAY_PREDICTION_LOG=json.dumps(described)) as served:
        served.wait()
        for number in range(30):
            status, _, _ = served.call("/predict", {"instances": [[number]]}, {"x-request-id": f"request-{number}"})
            assert status == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) == 0
        found = stored(server)
    assert sorted(found["request_id"].to_pylist()) == sorted(f"request-{number}" for number in range(30))
