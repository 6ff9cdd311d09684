"""The server that docs/own-image.md begins with: whatever a client sends, it is answered or refused, and never 5xx."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

SERVER = Path(__file__).parents[3] / "examples/own-image/server.py"
V1, V2 = "/v1/models/model:predict", "/v2/models/model/infer"
ROOMS = b'{"name": "rooms", "shape": [1], "data": [1]}'


@pytest.fixture(scope="module")
def app() -> Any:
    found = importlib.util.spec_from_file_location("own_image_example", SERVER)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # where pydantic looks for the types that annotations name
    found.loader.exec_module(module)
    module.loaded.append(module.Model())
    return module.app


def asked(app: Any, path: str, body: bytes) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post(path, content=body, headers={"content-type": "application/json"})

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (V1, b'{"instances": [{"area": NaN, "rooms": 1}]}'),
        (V1, b'{"instances": [{"area": 1e308, "rooms": 1}]}'),
        (V1, b'{"instances": [{"area": 1, "rooms": 1%s}]}' % (b"0" * 400)),
        (V1, b'{"instances": [{"area": 1, "rooms": 1, "\\ud800": 1}]}'),
        (V1, b'{"instances": [{"area": "\\ud800", "rooms": 1}]}'),
        (V1, b"NaN"),
        (V1, b"\xff\xfe"),
        (V1, b"[" * 50_000),
        (V2, b'{"inputs": [{"name": "area", "shape": [1], "data": [NaN]}, %s]}' % ROOMS),
        (V2, b'{"inputs": [{"name": "\\ud800", "shape": [1], "data": [1]}]}'),
        (V2, b'{"inputs": NaN}'),
    ],
)
def test_what_no_model_should_see_is_refused(app: Any, path: str, body: bytes) -> None:
    assert asked(app, path, body).status_code == 400


def test_a_refusal_names_the_input(app: Any) -> None:
    answer = asked(app, V1, b'{"instances": [{"area": {"not": "a value"}, "rooms": 1}]}')
    assert answer.status_code == 400
    assert answer.json()["field"].endswith(".area")


def test_what_fits_is_answered(app: Any) -> None:
    assert asked(app, V1, b'{"instances": [{"area": 50, "rooms": 2}]}').json() == {"predictions": [120_000.0]}
