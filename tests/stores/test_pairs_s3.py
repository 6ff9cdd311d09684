"""The comparison of pairs reads the same from a real S3 server as from a directory; what that refuses is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.stores.s3 import S3Server, new_server
from tests.unit.pipelines.predictions import compare, requests, write

URI = "s3://lake/predictions/fraud/"


def served(tmp_path: Path, tls: bool = False) -> tuple[S3Server, Path]:
    server = new_server(tmp_path / "s3", tls=tls)
    root = server.bucket("lake") / "predictions" / "fraud"
    write(root, requests(300, stable=1, candidate=1), parts=4)
    return server, root


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_s3_and_a_directory_give_the_same_words(tmp_path: Path, tls: bool) -> None:
    server, root = served(tmp_path, tls)
    with server.running():
        found = compare(root, URI, secret=str(server.secret_files(tmp_path / "secret")))
    assert found[0] == 0, found
    assert found[1]["pairs"]["pairs"] == 300
    assert found == compare(root)


@pytest.mark.parametrize(
    ("changed", "uri", "code", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, URI, 1, "LogUnreadable"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, URI, 1, "SecretIncomplete"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, URI, 75, "StoreUnavailable"),
    ],
)
def test_what_the_store_refuses_is_told(
    tmp_path: Path, changed: dict[str, Any], uri: str, code: int, reason: str
) -> None:
    server, root = served(tmp_path)
    with server.running():
        secret = server.secret_files(tmp_path / "secret", **changed)
        found, said = compare(root, uri, secret=str(secret))
    assert (found, said["error"]["reason"]) == (code, reason), said
