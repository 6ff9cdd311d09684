"""Why rows of the prediction log wait, in the words that the operator reads from the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from slipway_serving.service.exposition import Page
from slipway_serving.service.predictionlog.counters import (
    ACCESS,
    CERTIFICATE,
    PLACE,
    UNREACHABLE,
    Counters,
    store_fault,
)
from slipway_serving.service.predictionlog.queue import EntryQueue
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import Spool
from slipway_serving.service.predictionlog.writer import Writer

from tests.unit.serving.logged import SCHEMA, entry


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (PermissionDeniedError("403"), ACCESS),
        (UnauthenticatedError("401"), ACCESS),
        (PermissionError("read-only"), ACCESS),
        (FileNotFoundError("NoSuchBucket"), PLACE),
        (GenericError("invalid peer certificate: UnknownIssuer"), CERTIFICATE),
        (GenericError("error sending request: connection refused"), UNREACHABLE),
    ],
)
def test_what_the_store_says_has_a_word_in_the_metrics(error: Exception, word: str) -> None:
    page, counters = Page({"rollout": "shop/fraud"}), Counters()
    counters.failing("uploader", store_fault(error))
    counters.render(page, 0, 0)
    assert f'slipway_prediction_log_failing{{rollout="shop/fraud",reason="{word}"}} 1' in page.text()
    counters.failing("uploader", "")
    page = Page({"rollout": "shop/fraud"})
    counters.render(page, 0, 0)
    assert 'slipway_prediction_log_failing{rollout="shop/fraud"} 0' in page.text()


class FullAtFirst(Spool):
    """Its first file lies on a disk that is full."""

    def begin(self) -> Path:
        path = super().begin()
        if self._made == 1:
            path.symlink_to("/dev/full")
        return path


def test_a_full_disk_costs_the_rows_of_its_file_and_not_the_log(tmp_path: Path) -> None:
    settings = LogSettings("file:///x", rotate_seconds=0.1)
    queue, spool, counters = EntryQueue(), FullAtFirst(tmp_path, 1 << 20, "pod"), Counters()
    writer = Writer(queue, RowLayout(SCHEMA, "7", settings), spool, counters, settings, {"slipway.revision": "r1"})
    writer.start()
    queue.put(entry())
    until = time.monotonic() + 20
    while not counters.lost and time.monotonic() < until:
        time.sleep(0.02)
    queue.put(entry())
    queue.close()
    writer.join(20)
    assert not writer.is_alive()
    assert (counters.lost, spool.rows(), queue.waiting) == (1, 1, 0)


def test_rows_that_wait_can_be_counted_while_the_store_takes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, listed = Spool(tmp_path, 1 << 20, "pod"), Path.rglob
    path = spool.begin()
    path.write_bytes(b"x")
    spool.finish(path, "date=2026-05-01/revision=r1", 3)

    def taken(root: Path, pattern: str) -> Iterator[Path]:
        """The uploader is done with each file as soon as it is listed, unless it has to wait its turn."""
        for file in listed(root, pattern):
            if not spool._lock.locked():
                spool.done(file)
            yield file

    monkeypatch.setattr(Path, "rglob", taken)
    assert spool.rows() == 3
