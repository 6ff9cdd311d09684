"""What the prediction log keeps in memory and in a file, in bytes: rows may be as wide as a page of text."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from slipway_serving.service.predictionlog.counters import Counters
from slipway_serving.service.predictionlog.queue import Entry, EntryQueue
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.predictionlog.spool import Spool
from slipway_serving.service.predictionlog.writer import OpenGroup, Writer

from tests.unit.serving.logged import SCHEMA, entry

MIB = 1 << 20


def text(size: int = MIB) -> Entry:
    """A request with a text that hardly any compression makes smaller than half."""
    return entry(country=os.urandom(size // 2).hex(), size=size + 40)


def written(home: Path, entries: list[Entry], rotate_bytes: int) -> list[parquet.FileMetaData]:
    """The metadata of the files that a closed queue of these entries becomes, in their order."""
    settings = LogSettings("file:///x", rotate_bytes=rotate_bytes, rotate_seconds=3600.0)
    queue, spool, counters = EntryQueue(10**6, 1 << 40), Spool(home, 1 << 40, "pod"), Counters()
    for one in entries:
        assert queue.put(one)
    queue.close()
    layout = RowLayout(SCHEMA, "7", settings)
    Writer(queue, layout, spool, counters, settings, {"slipway.revision": "r1"}).run()
    assert counters.lost == 0
    files = sorted((home / "ready").rglob("*.parquet"), key=lambda one: one.stat().st_mtime_ns)
    return [parquet.ParquetFile(file).metadata for file in files]


def groups(file: parquet.FileMetaData) -> list[int]:
    """The bytes of each group of rows before compression: what the writer held until it was complete."""
    return [file.row_group(index).total_byte_size for index in range(file.num_row_groups)]


def test_rows_of_a_mebibyte_are_written_in_groups_of_few_and_in_files_of_the_size_that_was_asked_for(
    tmp_path: Path,
) -> None:
    files = written(tmp_path, [text() for _ in range(40)], 10 * MIB)
    assert sum(file.num_rows for file in files) == 40
    assert max(size for file in files for size in groups(file)) <= 8 * MIB
    stored = [path.stat().st_size for path in (tmp_path / "ready").rglob("*.parquet")]
    assert len(stored) > 1
    assert max(stored) <= 10 * MIB + 8 * MIB


def test_rows_that_grow_within_a_file_end_it_before_they_fill_the_memory(tmp_path: Path) -> None:
    files = written(tmp_path, [*(text(40) for _ in range(300)), *(text() for _ in range(30))], 64 * MIB)
    assert len(files) > 1
    assert sum(file.num_rows for file in files) == 330
    assert max(size for file in files for size in groups(file)) <= 10 * MIB


def test_a_small_file_that_is_asked_for_is_small_also_where_rows_are_many(tmp_path: Path) -> None:
    files = written(tmp_path, [text(2000) for _ in range(2000)], 200_000)
    assert max(size for file in files for size in groups(file)) <= 200_000
    assert max(path.stat().st_size for path in (tmp_path / "ready").rglob("*.parquet")) <= 400_000
    assert len(files) < 20, "and not smaller than that"


def test_rows_of_numbers_have_groups_as_large_as_before(tmp_path: Path) -> None:
    (file,) = written(tmp_path, [entry() for _ in range(5000)], 64 * MIB)
    assert [file.row_group(index).num_rows for index in range(file.num_row_groups)] == [4096, 904]


def test_the_queue_hands_over_few_large_rows_at_once_and_does_not_wait_for_more() -> None:
    queue = EntryQueue()
    for _ in range(5):
        queue.put(entry(size=MIB // 2))
    assert [len(queue.take(256, 3600.0)), len(queue.take(256, 3600.0))] == [2, 2]
    queue.close()
    assert len(queue.take(256, 3600.0)) == 1


@pytest.mark.parametrize(("batches", "left"), [([(6, 60)], 60), ([(6, 60), (6, 90)], 30), ([(25, 100)], 20)])
def test_an_open_group_forgets_what_is_complete(batches: list[tuple[int, int]], left: float) -> None:
    group = OpenGroup(10)
    for rows, size in batches:
        group.add(rows, size)
    assert group.bytes == left
