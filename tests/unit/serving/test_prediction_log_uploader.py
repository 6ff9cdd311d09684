"""The thread that takes files to the store: whatever a store raises or holds, it goes on and says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from slipway_serving.service.exposition import Page
from slipway_serving.service.predictionlog import uploader as module
from slipway_serving.service.predictionlog.counters import Counters
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import Spool
from slipway_serving.service.predictionlog.store import Store
from slipway_serving.service.predictionlog.uploader import Uploader


class Panic(BaseException):
    """As pyo3's, which is no Exception."""


class Stumbling(Store):
    """Raises each of these once before it takes a file, and always where it shall delete."""

    def __init__(self, root: Path, errors: list[BaseException]) -> None:
        super().__init__(LogSettings(f"file://{root}"))
        self.errors = errors
        self.asked_to_expire = 0

    def put(self, key: str, file: Path) -> None:
        if self.errors:
            raise self.errors.pop(0)
        super().put(key, file)

    def expire(self, before: date) -> int:
        self.asked_to_expire += 1
        raise Panic("cannot list")


def failing(counters: Counters) -> bool:
    page = Page({})
    counters.render(page, 0, 0)
    return 'slipway_prediction_log_failing{,reason="unreachable"} 1' in page.text()


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


@pytest.mark.parametrize("error", [ValueError("month must be in 1..12"), RuntimeError("?"), Panic("unwrap")])
def test_whatever_a_store_raises_is_told_and_tried_again(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[bool] = []
    counters, spool = Counters(), Spool(tmp_path / "spool", 10**6, "pod")
    monkeypatch.setattr(Uploader, "_wait", lambda self, pause: told.append(failing(counters)) or pause)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    store = Stumbling(tmp_path / "lake", [error, error])
    thread = Uploader(spool, store, counters, retention_seconds=86_400.0)
    thread.start()
    wait(lambda: store.asked_to_expire > 0)
    path = spool.begin()
    path.write_bytes(b"x")
    spool.finish(path, "date=2026-05-01/revision=r1", 7)
    wait(lambda: counters.rows == 7)
    assert thread.is_alive()
    thread.finish(10)
    thread.join(10)
    assert not thread.is_alive()
    assert told == [True, True]
    assert not failing(counters)
    assert f"{type(error).__name__}: {error}" in caplog.text
    assert "cannot be deleted: Panic: cannot list" in caplog.text


@pytest.mark.parametrize("day", ["2026-13-45", "2026-02-30", "0000-01-01", "２０２６-01-01"])
def test_a_directory_that_is_named_like_a_day_and_is_none_is_foreign(day: str, tmp_path: Path) -> None:
    for directory in (f"date={day}", "date=2026-01-01"):
        (tmp_path / directory / "revision=x").mkdir(parents=True)
        (tmp_path / directory / "revision=x/a.parquet").write_bytes(b"x")
    assert Store(LogSettings(f"file://{tmp_path}")).expire(datetime.now(UTC).date()) == 1
    assert [path.parent.parent.name for path in tmp_path.rglob("*.parquet")] == [f"date={day}"]
