"""Batches from and to a real S3 server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from slipway_serving.scoring.__main__ import main
from slipway_serving.scoring.stores import ObjectStore

from tests.stores.s3 import S3Server, new_server
from tests.unit.scoring.given import Volume, contents, model_in, rows, table

ASKED = {"input": "s3://lake/to-score/*.parquet", "output": "s3://lake/scores/fraud/"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_in(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def volume(tmp_path: Path, model: Path) -> Volume:
    return Volume(tmp_path / "volume", model)


def score(volume: Volume, server: S3Server, changed: dict[str, str] | None = None, **asked: Any) -> tuple[int, Any]:
    secret = {**server.secret_data(), **(changed or {})}
    keys = {f"SLIPWAY_{side}_{name}": value for side in ("INPUT", "OUTPUT") for name, value in secret.items()}
    code = main({**volume.environment(**{**ASKED, **asked}), **keys})
    return code, json.loads(volume.log.read_text())


def put(server: S3Server, name: str, count: int) -> None:
    path = server.bucket("lake") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows(count), path)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_s3_and_a_volume_give_the_same_scores(volume: Volume, tmp_path: Path, tls: bool) -> None:
    server = new_server(tmp_path / "s3", tls=tls)
    put(server, "to-score/a.parquet", 250)
    with server.running():
        code, said = score(volume, server)
        assert code == 0, said
        again = score(volume, server)
    directory = server.bucket("lake") / said["scored"]["output"].removeprefix("s3://lake/")
    volume.write(rows(250))
    assert table(directory).drop(["scored_at"]).equals(table(volume.scored()).drop(["scored_at"]))
    assert again[1]["scored"]["output"] == said["scored"]["output"]
    manifest = json.loads((directory / "_SUCCESS").read_text())
    assert manifest["rows"] == 250
    assert json.loads((directory.parent / "_LATEST.json").read_text())["directory"] == directory.name


def test_a_killed_run_resumes(volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = new_server(tmp_path / "s3")
    put(server, "to-score/a.parquet", 250)
    write, written = ObjectStore.write, []

    def mortal(store: ObjectStore, path: str, content: bytes) -> None:
        written.append(path)
        if len(written) == 3:
            raise SystemExit(137)
        write(store, path, content)

    with server.running():
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "write", mortal)
            with pytest.raises(SystemExit):
                score(volume, server)
        (directory,) = (server.bucket("lake") / "scores" / "fraud").iterdir()
        before = contents(directory)
        assert list(before) == ["part-000000.parquet"]
        assert score(volume, server)[0] == 0
    after = contents(directory)
    assert len(after) == 3
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("changed", "asked", "code", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {}, 1, "AccessDenied"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {}, 75, "StoreUnavailable"),
        ({}, {"input": "s3://lake/nothing/"}, 1, "FileMissing"),
        ({}, {"output": "s3://no-such-bucket/scores"}, 1, "AccessDenied"),
    ],
)
def test_what_the_store_refuses_is_told(
    volume: Volume, tmp_path: Path, changed: dict[str, str], asked: dict[str, str], code: int, reason: str
) -> None:
    server = new_server(tmp_path / "s3")
    put(server, "to-score/a.parquet", 3)
    with server.running():
        found, said = score(volume, server, changed, **asked)
    assert (found, said["error"]["reason"]) == (code, reason), said
