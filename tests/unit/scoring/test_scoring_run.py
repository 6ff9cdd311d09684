"""Parquet in, Parquet out: real files on a disk, the real command, a real model."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slipway_serving.scoring import run as runs
from slipway_serving.scoring.stores import TEMPORARY, VolumeStore

from tests.unit.scoring.given import Volume, contents, rows, served, table
from tests.unit.serving.models import Interrupted, save_object

pytestmark = pytest.mark.long


def test_every_row_gets_the_answer_that_a_request_would_get(volume: Volume) -> None:
    given = rows(250)
    volume.write(given)
    out = table(volume.scored(keep=["note"]))
    model = served(volume.model)
    instances = given.select(["amount", "country"]).to_pylist()
    answer = model.answer(model.schema.read(instances))
    assert answer.scores is not None
    assert out.column_names == [
        *("payment", "note", "score", "threshold", "answer", "reason", "revision", "model_version", "scored_at")
    ]
    assert out["payment"].to_pylist() == given["payment"].to_pylist()
    assert out["note"].to_pylist() == given["note"].to_pylist()
    assert out["answer"].to_pylist() == [str(label) for label in answer.labels]
    assert out["score"].to_pylist() == pytest.approx(answer.scores.tolist(), abs=1e-12)
    assert set(out["threshold"].to_pylist()) == {0.5}
    assert set(out["reason"].to_pylist()) == {None}
    assert set(out["revision"].to_pylist()) == {"aaaaaaaaaa"}
    assert set(out["model_version"].to_pylist()) == {"7"}
    assert len(set(out["scored_at"].to_pylist())) == 1


def test_the_manifest_and_the_last_words_say_what_was_done(volume: Volume) -> None:
    volume.write(rows(250))
    code, said = volume.score()
    directory = volume.data / said["scored"]["output"].removeprefix("file:///data/")
    manifest = json.loads((directory / "_SUCCESS").read_text())
    assert (code, said["scored"]["rows"], said["scored"]["badRecords"]) == (0, 250, 0)
    assert (manifest["rows"], manifest["parts"], manifest["revision"]) == (250, 3, "aaaaaaaaaa")
    assert (manifest["modelVersion"], manifest["rollout"]) == ("7", "ns/fraud")
    assert manifest["input"]["digest"].startswith("sha256:")
    latest = json.loads((volume.data / "out" / "_LATEST.json").read_text())
    assert latest["directory"] == directory.name


def die_after(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod is killed when so many parts stand, in the middle of writing the next: the one fault that a test cannot
    time from outside."""
    write, written = VolumeStore.write, []

    def mortal(store: VolumeStore, path: str, content: bytes) -> None:
        if "part-" in path:
            if len(written) == parts:
                Path(path).with_name(f"{TEMPORARY}half").write_bytes(content[: len(content) // 2])
                raise SystemExit(137)
            written.append(path)
        write(store, path, content)

    monkeypatch.setattr(VolumeStore, "write", mortal)


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_a_run_that_was_killed_between_parts_resumes_and_gives_identical_bytes(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    volume.write(rows(250))
    with monkeypatch.context() as patch:
        die_after(parts, patch)
        with pytest.raises(SystemExit):
            volume.score()
    (directory,) = (volume.data / "out").iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in directory.glob("part-*")}
    assert len(before) == parts
    assert not (directory / "_SUCCESS").exists()
    assert volume.scored() == directory
    after = {path.name: path.stat().st_mtime_ns for path in directory.glob("part-*")}
    assert before.items() <= after.items(), "a part that stood was written again"
    assert not list(directory.glob(f"{TEMPORARY}*"))
    resumed = contents(directory)
    # The same run without a kill: same time, same input.
    begun = json.loads((directory / "_run.json").read_text())
    for path in directory.iterdir():
        path.unlink()
    (directory / "_run.json").write_text(json.dumps(begun))
    assert contents(volume.scored()) == resumed


def test_a_real_process_that_is_killed_leaves_whole_parts_only(volume: Volume) -> None:
    volume.write(rows(20_000))
    asked = volume.of_process(rowsPerPart=100)
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway_serving.scoring"], env=asked, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if '"rows": 300' in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "scoring" in json.loads(volume.log.read_text()), "its last words are how far it was"
    (directory,) = (volume.data / "out").iterdir()
    assert all(pq.read_metadata(path).num_rows == 100 for path in directory.glob("part-*"))
    stood = len(list(directory.glob("part-*")))
    assert 3 <= stood < 200
    assert table(volume.scored(rowsPerPart=100))["payment"].to_pylist() == [f"p{index}" for index in range(20_000)]


def test_sigterm_ends_a_run_at_once(volume: Volume) -> None:
    volume.write(rows(50_000))
    asked = volume.of_process(rowsPerPart=100)
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway_serving.scoring"], env=asked, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    next(line for line in process.stderr if '"scoring"' in line)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM


def test_sigterm_while_the_model_answers_is_no_fault_of_the_model(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "volume", save_object(tmp_path / "model", Interrupted(0.0)))
    volume.write(rows(250))
    done = subprocess.run(
        [sys.executable, "-m", "slipway_serving.scoring"], env=volume.of_process(), stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 128 + signal.SIGTERM, done.stderr


def test_another_revision_never_mixes_its_parts(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    volume.write(rows(250))
    with monkeypatch.context() as patch:
        die_after(1, patch)
        with pytest.raises(SystemExit):
            volume.score("aaaaaaaaaa")
    _, said = volume.score("bbbbbbbbbb")
    directory = volume.data / said["scored"]["output"].removeprefix("file:///data/")
    assert set(table(directory)["revision"].to_pylist()) == {"bbbbbbbbbb"}
    assert len(list((volume.data / "out").glob("*/part-*"))) == 1 + 3


def test_new_rows_get_a_directory_of_their_own_and_the_same_rows_none(volume: Volume) -> None:
    volume.write(rows(120))
    first = volume.scored()
    assert volume.scored() == first
    volume.write(rows(130))
    assert volume.scored() != first


def test_an_input_that_changes_on_the_way_is_refused(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    path = volume.write(rows(250))
    part = runs.Run._part

    def disturbed(self: runs.Run, first: int, last: int, copied: Any) -> Any:
        found = part(self, first, last, copied)
        if first == 100:
            pq.write_table(rows(250, amount=[0.5] * 250), path)
        return found

    monkeypatch.setattr(runs.Run, "_part", disturbed)
    code, said = volume.score()
    (directory,) = (volume.data / "out").iterdir()
    assert (code, said["error"]["reason"]) == (1, "InputChanged")
    assert str(path) in said["error"]["message"]
    assert [one.name for one in directory.glob("part-*")] == ["part-000000.parquet"]
    assert not (directory / "_SUCCESS").exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    files=st.lists(st.integers(0, 290), max_size=3),
    bad=st.sets(st.integers(0, 289), max_size=5),
)
def test_any_split_into_files_and_row_groups_gives_the_same_scores(
    model: Path, tmp_path_factory: pytest.TempPathFactory, groups: list[int], files: list[int], bad: set[int]
) -> None:
    given_rows = rows(290, amount=[float("inf") if index in bad else index / 290 for index in range(290)])
    whole, split = (Volume(tmp_path_factory.mktemp("split"), model) for _ in range(2))
    whole.write(given_rows)
    edges = [0, *sorted(files), 290]
    for number, (first, last) in enumerate(pairwise(edges)):
        piece, path = given_rows.slice(first, last - first), split.data / "in" / f"{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(path, piece.schema) as writer:
            at = 0
            for size in groups * (1 + piece.num_rows // sum(groups)):
                if at < piece.num_rows:
                    writer.write_table(piece.slice(at, size), size)
                at += size
    one, other = (table(each.scored(maxBadRecords=5)).drop(["scored_at"]) for each in (whole, split))
    assert one.equals(other)


PEAK = """
import sys, tracemalloc
import pandas, pyarrow, pyarrow.parquet, sklearn.pipeline, sklearn.linear_model  # counted before, or they take a minute
from slipway_serving.scoring.__main__ import main
tracemalloc.start()
code = main()
print(tracemalloc.get_traced_memory()[1] + pyarrow.default_memory_pool().max_memory())
sys.exit(code)
"""


def peak_bytes(volume: Volume) -> int:
    """The most that Python and Arrow had allocated during one run."""
    asked = volume.of_process(rowsPerPart=1000, keep=["note"])
    done = subprocess.run([sys.executable, "-c", PEAK], env=asked, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_follows_the_piece_and_not_the_input(volume: Volume) -> None:
    peaks = []
    for count in (2_000, 20_000):
        each = Volume(volume.root / str(count), volume.model)
        # 60 MB in the larger one, in a single row group.
        notes = [random.Random(index).randbytes(1500).hex() for index in range(count)]
        each.write(rows(count, note=notes), row_group_size=count)
        peaks.append(peak_bytes(each))
    assert peaks[1] < 1.25 * peaks[0], peaks
