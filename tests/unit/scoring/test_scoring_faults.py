"""What is wrong with rows, columns and places is said with its name."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.loopback import free_port
from tests.unit.scoring.given import Volume, contents, rows, table
from tests.unit.serving.models import Broken, save_object


def test_a_bad_row_keeps_its_place_with_the_reason(volume: Volume) -> None:
    volume.write(rows(150, amount=[float("inf") if index in (3, 120) else 0.7 for index in range(150)]))
    code, said = volume.score(maxBadRecords=2)
    out = table(volume.data / said["scored"]["output"].removeprefix("file:///data/")).to_pylist()
    assert (code, said["scored"]["badRecords"]) == (0, 2)
    assert [index for index, row in enumerate(out) if row["answer"] is None] == [3, 120]
    assert out[3]["score"] is None
    assert out[3]["threshold"] is None
    assert out[3]["reason"] == "amount: must be finite and fit 32-bit floating point"
    assert out[4]["reason"] is None


@pytest.mark.parametrize("most", [0, 1])
def test_too_many_bad_rows_end_the_run_with_the_first_reasons(volume: Volume, most: int) -> None:
    volume.write(rows(300, amount=[float("inf") if index in (150, 250) else 0.7 for index in range(300)]))
    code, said = volume.score(maxBadRecords=most)
    assert (code, said["error"]["reason"]) == (1, "TooManyBadRecords")
    assert "row 150: amount: must be finite" in said["error"]["message"]
    assert not list((volume.data / "out").glob("*/_SUCCESS"))
    # What was written before counts again when the run is tried with another bound.
    code, said = volume.score(maxBadRecords=2)
    assert (code, said["scored"]["badRecords"]) == (0, 2)


def test_a_model_that_ends_the_process_while_it_is_loaded_has_scored_nothing(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: Path) -> None:
        raise SystemExit(0)

    volume.write(rows(3))
    monkeypatch.setattr("slipway_serving.scoring.__main__.load_model", ends)
    code, said = volume.score()
    assert (code, said["error"]["reason"]) == (1, "ModelNotLoaded")
    assert "SystemExit" in said["error"]["message"]


def test_missing_values_are_answered_where_the_model_tolerates_them(volume: Volume) -> None:
    amounts = pa.array([None, float("nan"), 0.9], pa.float64())
    volume.write(rows(3, amount=amounts))
    assert table(volume.scored())["answer"].to_pylist().count(None) == 0


def test_whole_numbers_are_text_to_a_category(volume: Volume) -> None:
    volume.write(rows(3, country=pa.array([7, 8, 9])))
    assert set(table(volume.scored())["reason"].to_pylist()) == {None}


def test_a_feature_is_read_from_its_column(volume: Volume) -> None:
    volume.write(rows(3).rename_columns(["payment", "sum in EUR", "country", "note"]))
    assert volume.score()[1]["error"] == {
        "reason": "ColumnMissing",
        "message": "the input has no column 'amount', which is the feature amount",
    }
    assert table(volume.scored(sources={"amount": "sum in EUR"})).num_rows == 3


@pytest.mark.parametrize(
    ("asked", "reason", "words"),
    [
        ({"keep": ["colour"]}, "ColumnMissing", "'colour'"),
        ({"input": "file:///data/nothing/"}, "FileMissing", "file:///data/nothing/ names no Parquet file"),
        ({"input": "file:///data/in/*.csv"}, "FileMissing", "*.csv names no Parquet file"),
        ({"input": "file:///data/../etc/"}, "PathInvalid", "not below file:///data/"),
        ({"output": "file:///etc/scores"}, "PathInvalid", "not below file:///data/"),
    ],
)
def test_a_wrong_request_is_final(volume: Volume, asked: dict[str, object], reason: str, words: str) -> None:
    volume.write(rows(3))
    code, said = volume.score(**asked)
    assert (code, said["error"]["reason"]) == (1, reason)
    assert words in said["error"]["message"]


def test_a_link_does_not_lead_out_of_the_volume(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (volume.data / "in").symlink_to(tmp_path / "elsewhere")
    assert volume.score()[1]["error"]["reason"] == "PathInvalid"


def test_a_column_of_ours_cannot_be_kept(volume: Volume) -> None:
    volume.write(rows(3).rename_columns(["payment", "amount", "country", "score"]))
    assert volume.score(keep=["score"])[1]["error"]["reason"] == "ColumnTaken"


def test_files_that_are_no_parquet_and_files_of_other_types_are_told(volume: Volume) -> None:
    volume.write(rows(3))
    volume.write(rows(3, note=["x", "y", "z"]), "in/second.parquet")
    code, said = volume.score(keep=["note"])
    assert (code, said["error"]["reason"]) == (1, "InputUnreadable")
    (volume.data / "in" / "second.parquet").write_bytes(b"PAR1 is not enough")
    code, said = volume.score()
    assert (code, said["error"]["reason"]) == (1, "InputUnreadable")
    assert "second.parquet" in said["error"]["message"]


def test_a_pattern_stays_within_its_directory_and_hidden_names_are_left_out(volume: Volume) -> None:
    for name in ("a", "b", "_b", ".c", "deep/d"):
        volume.write(rows(1), f"in/{name}.parquet")
    assert volume.score(input="file:///data/in/*.parquet")[1]["scored"]["rows"] == 2
    assert volume.score(input="file:///data/in/")[1]["scored"]["rows"] == 3
    assert volume.score(input="file:///data/in/**/*.parquet")[1]["scored"]["rows"] == 3
    assert volume.score(input="file:///data/in/a.parquet")[1]["scored"]["rows"] == 1


def test_no_rows_give_one_empty_part_with_its_columns(volume: Volume) -> None:
    volume.write(rows(0))
    directory = volume.scored()
    assert list(contents(directory)) == ["part-000000.parquet"]
    assert table(directory).num_rows == 0


def test_a_trial_writes_nothing(volume: Volume) -> None:
    volume.write(rows(250))
    code, said = volume.score(trial=True)
    assert (code, said["scored"]["rows"]) == (0, 100)
    assert not (volume.data / "out").exists()
    code, said = volume.score(trial=True, input="file:///data/later/")
    assert (code, said["scored"]["rows"]) == (0, 0)
    assert "names no Parquet file" in said["scored"]["message"]


def test_a_model_that_fails_on_every_row_is_found_out(volume: Volume, tmp_path: Path) -> None:
    volume.model = save_object(tmp_path / "broken", Broken(0))
    volume.write(rows(50))
    code, said = volume.score(trial=True)
    assert (code, said["error"]["reason"]) == (1, "TooManyBadRecords")
    assert "row 0: the model failed: RuntimeError: broken inside" in said["error"]["message"]


def test_a_model_that_does_not_load_is_final(volume: Volume, tmp_path: Path) -> None:
    volume.model = tmp_path / "none"
    volume.write(rows(3))
    code, said = volume.score()
    assert (code, said["error"]["reason"]) == (1, "ModelNotLoaded")


def test_a_store_that_does_not_answer_is_worth_another_pod(volume: Volume) -> None:
    code, said = volume.score(input=f"http://127.0.0.1:{free_port()}/rows.parquet")
    assert (code, said["error"]["reason"]) == (75, "StoreUnavailable")


def test_words_longer_than_kubernetes_keeps_are_cut(volume: Volume) -> None:
    volume.write(rows(3))
    volume.score(input="file:///data/" + "ä" * 5000)
    assert len(volume.log.read_bytes()) <= 4096
    json.loads(volume.log.read_text())
