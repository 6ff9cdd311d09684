"""The prediction log without a store: bounds of the queue, rotation, the spool, and what a server logs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as dataset
import pyarrow.parquet as parquet
import pytest
from arro3.io import write_parquet
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.service.application import Application
from slipway_serving.service.exposition import Page
from slipway_serving.service.model import load_model
from slipway_serving.service.predictionlog.counters import SPOOL, Counters
from slipway_serving.service.predictionlog.log import PredictionLog
from slipway_serving.service.predictionlog.queue import EntryQueue
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import Spool, rows_in
from slipway_serving.service.predictionlog.store import Store

from tests.unit.serving.asgi import call
from tests.unit.serving.logged import NOON, POD, SCHEMA, entry
from tests.unit.serving.models import Broken, save_object, save_sklearn

pytestmark = pytest.mark.long

DAY = 86_400 * 10**9


def log_in(tmp_path: Path, **settings: Any) -> PredictionLog:
    chosen = {"spool": tmp_path / "spool", "rotate_seconds": 0.2, **settings}
    return PredictionLog(LogSettings(f"file://{tmp_path}/lake", **chosen), POD, SCHEMA)


def lake(tmp_path: Path) -> pa.Table:
    return dataset.dataset(tmp_path / "lake", format="parquet", partitioning="hive").to_table()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "lake").rglob("*.parquet"))


def metric(log: PredictionLog, name: str, label: str = "") -> float:
    page = Page({})
    log.render(page)
    start = f"slipway_prediction_log_{name}{{"
    return sum(float(line.split()[-1]) for line in page.text().splitlines() if line.startswith(start) and label in line)


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@given(st.lists(st.one_of(st.integers(1, 9), st.none()), max_size=60))
def test_the_queue_is_bounded_and_keeps_the_order(steps: list[int | None]) -> None:
    """A number puts an entry of so many rows, None takes."""
    queue = EntryQueue(most_rows=10, most_bytes=10**6)
    put: list[str | None] = []
    taken: list[str | None] = []
    for number, rows in enumerate(steps):
        if rows is None:
            taken += [one.request for one in queue.take(5, 0)]
        elif queue.put(entry(request=str(number), rows=rows)):
            put.append(str(number))
        assert queue.waiting < 10 + 9
    while more := queue.take(5, 0):
        taken += [one.request for one in more]
    assert taken == put
    assert queue.waiting == 0


def test_the_queue_is_bounded_in_bytes_and_takes_nothing_once_closed() -> None:
    queue = EntryQueue(most_rows=1000, most_bytes=100)
    assert [queue.put(entry(size=60)) for _ in range(3)] == [True, True, False]
    queue.take(1, 0)
    assert queue.put(entry(size=1))
    queue.close()
    assert not queue.put(entry(size=1))


def test_what_does_not_fit_into_the_queue_is_counted_and_what_fits_is_stored(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    for _ in range(3):
        log.add(entry(rows=15_000, columns=[[0.5] * 15_000, ["it"] * 15_000], keys=[["c"] * 15_000], answer=None))
    log.close(30)
    dropped = metric(log, "dropped_total", 'reason="queue"')
    assert lake(tmp_path).num_rows + dropped == 45_000
    assert metric(log, "rows_total") == lake(tmp_path).num_rows


def test_a_file_is_closed_by_its_age_and_by_its_size(tmp_path: Path) -> None:
    log = log_in(tmp_path, rotate_seconds=0.1)
    log.add(entry())
    wait(lambda: metric(log, "files_total") == 1)
    log.close(20)

    small = log_in(tmp_path / "small", rotate_seconds=3600.0, rotate_bytes=20_000)
    draw = np.random.default_rng(7)
    for _ in range(40):
        small.add(entry(rows=500, columns=[draw.random(500).tolist(), ["it"] * 500], keys=[["c"] * 500], answer=None))
    small.close(20)
    assert len(files(tmp_path / "small")) > 1
    assert lake(tmp_path / "small").num_rows == 20_000


def test_a_file_holds_rows_of_one_day_and_lies_in_its_directory(tmp_path: Path) -> None:
    log = log_in(tmp_path, rotate_seconds=3600.0)
    for day in (0, 0, 1, 1, 0):
        log.add(entry(time=NOON + day * DAY))
    log.close(20)
    for file in files(tmp_path):
        days = {at.date() for at in parquet.ParquetFile(file).read(["time"])["time"].to_pylist()}
        assert file.parent.parent.name == f"date={days.pop()}"
        assert days == set()
        assert rows_in(file) == parquet.ParquetFile(file).metadata.num_rows
    assert sum(map(rows_in, files(tmp_path))) == 5
    assert {file.parent.name for file in files(tmp_path)} == {"revision=r1"}


def test_pods_never_write_one_name(tmp_path: Path) -> None:
    logs = [log_in(tmp_path / str(number), rotate_seconds=3600.0) for number in range(2)]
    for log in logs:
        log.add(entry())
        log.close(20)
    names = [file.name for number in range(2) for file in files(tmp_path / str(number))]
    assert len(set(names)) == 2


def test_a_value_that_its_column_cannot_hold_costs_its_rows_only(tmp_path: Path) -> None:
    log = log_in(tmp_path, rotate_seconds=3600.0)
    log.add(entry(request="good"))
    wait(lambda: metric(log, "waiting_rows") == 0)
    log.add(entry(request="bad", columns=[["no number"], ["it"]]))
    wait(lambda: metric(log, "dropped_total", 'reason="fault"') == 1)
    log.add(entry(request="good too"))
    log.close(20)
    assert lake(tmp_path)["request_id"].to_pylist() == ["good", "good too"]


def test_a_directory_that_cannot_be_written_is_told_and_its_rows_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_in(tmp_path)
    (tmp_path / "spool" / "open").rmdir()
    log.add(entry())
    wait(lambda: metric(log, "failing") == 1)
    (tmp_path / "spool" / "open").mkdir()
    wait(lambda: metric(log, "rows_total") == 1)
    assert metric(log, "failing") == 0
    assert metric(log, "dropped_total") == 0
    log.close(20)
    assert "cannot be written, 0 rows are lost" in caplog.text


def finished(spool: Spool, rows: int, size: int = 100) -> int:
    path = spool.begin()
    path.write_bytes(b"x" * size)
    return spool.finish(path, "date=2026-05-01/revision=r1", rows)


def test_a_full_spool_drops_its_oldest_files_and_says_how_many_rows(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 250, "pod")
    assert [finished(spool, rows) for rows in (1, 2, 3, 4)] == [0, 0, 1, 2]
    assert (spool.rows(), spool.bytes()) == (7, 200)


def test_a_file_on_its_way_is_not_taken_away(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 250, "pod")
    finished(spool, 1)
    found = spool.next()
    assert found is not None
    assert [finished(spool, rows) for rows in (2, 3, 4)] == [0, 2, 3]
    assert found[0].exists()
    spool.done(found[0])
    assert spool.rows() == 4


def test_what_a_crash_left_is_stored_after_the_restart_and_half_a_file_is_not(tmp_path: Path) -> None:
    before = Spool(tmp_path / "spool", 10**6, "pod")
    layout = RowLayout(SCHEMA, "7", LogSettings("file:///x"))
    path = before.begin()
    write_parquet(layout.batch([entry(request="before the crash")]), path)
    before.finish(path, "date=2026-05-01/revision=r1", 1)
    before.begin().write_bytes(b"half a file")
    log = log_in(tmp_path)
    log.add(entry(request="after"))
    log.close(20)
    assert sorted(lake(tmp_path)["request_id"].to_pylist()) == ["after", "before the crash"]
    assert list((tmp_path / "spool" / "open").iterdir()) == []


def test_a_close_ends_in_time_where_the_store_is_away_and_says_what_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "lake").mkdir()
    log = log_in(tmp_path, rotate_seconds=3600.0)
    (tmp_path / "lake").rmdir()
    (tmp_path / "lake").write_text("in the way of the directory")
    log.add(entry())
    started = time.monotonic()
    log.close(1.0)
    assert time.monotonic() - started < 10
    assert "1 rows of the prediction log could not be stored" in caplog.text


def test_files_expire_by_their_directory_and_foreign_ones_never_do(tmp_path: Path) -> None:
    old, new, foreign = (tmp_path / name for name in ("date=2026-01-01", "date=2026-01-02", "date=long ago"))
    for directory in (old, new, foreign):
        (directory / "revision=r1").mkdir(parents=True)
        (directory / "revision=r1" / "a-1.parquet").write_bytes(b"x")
    assert Store(LogSettings(f"file://{tmp_path}")).expire(date(2026, 1, 2)) == 1
    assert sorted(path.parent.parent.name for path in tmp_path.rglob("*.parquet")) == [
        "date=2026-01-02",
        "date=long ago",
    ]


def test_the_metrics_begin_at_zero() -> None:
    page = Page({"rollout": "shop/fraud"})
    counters = Counters()
    counters.render(page, 0, 0)
    assert 'slipway_prediction_log_dropped_total{rollout="shop/fraud",reason="queue"} 0' in page.text()
    assert 'slipway_prediction_log_failing{rollout="shop/fraud"} 0' in page.text()
    counters.dropped(SPOOL, 3)
    assert counters.lost == 3


def test_the_application_logs_what_it_answered_and_nothing_that_it_refused(tmp_path: Path) -> None:
    log = LogSettings(f"file://{tmp_path}/lake", spool=tmp_path / "spool")
    application = Application(replace(POD, log=log))
    application.serve(load_model(save_sklearn(tmp_path / "model")))
    good = {"instances": [{"amount": 0.9, "country": "it", "card": "4711"}, {"amount": None, "country": "de"}]}
    bucket = hashlib.sha256(b"card 7").hexdigest()
    routed = {"x-slipway-assignment": "3.17", "x-slipway-bucket": bucket.upper(), "x-request-id": "request-1"}

    async def ask() -> str:
        for revision in ("r1", "other"):
            _, _, headers = await call(
                application, "/predict", json.dumps(good).encode(), {**routed, "x-slipway-revision": revision}
            )
        status, _, _ = await call(application, "/predict", b'{"instances": [{"amount": "much", "country": "it"}]}', {})
        assert status == 400
        _, metrics, _ = await call(application, "/metrics", None)
        assert "slipway_prediction_log_rows_total" in metrics
        return headers["x-slipway-prediction-id"]

    prediction = asyncio.run(ask())
    application.close(20)
    rows = sorted(lake(tmp_path).to_pylist(), key=lambda row: (row["traffic"], row["instance"]))
    assert [(row["traffic"], row["instance"]) for row in rows] == [
        ("live", 0),
        ("live", 1),
        ("shadow", 0),
        ("shadow", 1),
    ]
    assert {row["request_id"] for row in rows} == {"request-1"}
    assert {row["entity"] for row in rows} == {bucket}
    assert [row["key_card"] for row in rows] == ["4711", None] * 2
    assert [row["answer"] for row in rows][:1] == ["1"]
    assert rows[-1]["prediction_id"] == prediction
    assert datetime.now(UTC) - rows[0]["time"] < timedelta(minutes=1)


def test_a_request_that_the_model_failed_on_is_logged_without_an_answer(tmp_path: Path) -> None:
    log = LogSettings(f"file://{tmp_path}/lake", spool=tmp_path / "spool")
    application = Application(replace(POD, log=log))
    application.serve(load_model(save_object(tmp_path / "model", Broken(0))))
    logging.getLogger("slipway.serving").disabled = True  # a traceback that is expected
    try:
        asyncio.run(call(application, "/predict", b'{"instances": [[1]]}', {}))
    finally:
        logging.getLogger("slipway.serving").disabled = False
    application.close(20)
    (row,) = lake(tmp_path).to_pylist()
    assert (row["status"], row["answer"], row["score"], row["feature_amount"]) == (500, None, None, 1.0)
