"""What a client can do to a server by its requests alone: refused with the field, counted, and never a 5xx."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slipway_serving.service.application import Application
from slipway_serving.service.http import InFlight
from slipway_serving.service.model import ServedModel
from slipway_serving.service.pace import Pace
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.profile import Profile
from slipway_serving.service.schema import schema_of
from slipway_serving.service.settings import Settings
from slipway_serving.service.signature import ColumnSpec, Signature

from tests.unit.serving.asgi import call

SETTINGS = Settings(model_name="fraud", version="7", revision="r1", max_body=1000, body_seconds=0.05)
V1, V2 = "/v1/models/fraud:predict", "/v2/models/fraud/infer"
GOOD = b'{"instances": [{"amount": 1, "at": null}]}'
TENSORS = [
    {"name": "amount", "shape": [1], "datatype": "FP64", "data": [1]},
    {"name": "at", "shape": [1], "datatype": "BYTES", "data": ["2026-05-01"]},
]


class Model:
    """Answers the amount, and raises what it was told to."""

    classes = None
    inputs = Signature()

    def __init__(self, raised: BaseException | None = None) -> None:
        self.raised = raised
        self.asked: list[Any] = []

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        if self.raised is not None:
            raise self.raised
        self.asked.append(table)
        return Prediction(np.asarray(table["amount"], float))


def application(model: Model | None = None, settings: Settings = SETTINGS, quick: bool = False) -> Application:
    """A server of `model`; a `quick` one answers in the event loop."""
    signature = Signature((ColumnSpec("amount", "double"), ColumnSpec("at", "datetime")))
    made, served = (
        Application(settings),
        ServedModel(model or Model(), schema_of(signature, Profile(), Signature()), Profile()),
    )
    served.pace = Pace(0.0 if quick else math.inf)
    made.serve(served)
    return made


def ask(served: Application, path: str, body: bytes | None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(call(served, path, body, named))


def counted(served: Application, code: str) -> float:
    page = asyncio.run(call(served, "/metrics", None))[1]
    wanted = [line for line in page.splitlines() if line.startswith("slipway_requests_total") and f'"{code}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in wanted)


def held(served: Application) -> int:
    flight = served._flight
    assert isinstance(flight, InFlight)
    return flight.held


@pytest.mark.parametrize(
    "raised",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(), asyncio.CancelledError(), ValueError("x")],
    ids=lambda raised: type(raised).__name__,
)
@pytest.mark.parametrize("quick", [False, True], ids=["in a thread", "in the event loop"])
def test_whatever_a_model_raises_is_one_counted_500(raised: BaseException, quick: bool) -> None:
    model = Model(raised)
    served = application(model, quick=quick)
    assert ask(served, V1, GOOD)[:2] == (500, {"error": "the model failed", "id": _Any()})
    model.raised = None
    assert ask(served, V1, GOOD)[:2] == (200, {"predictions": [1.0], "model_version": "7"})
    assert (counted(served, "5xx"), counted(served, "2xx"), held(served)) == (1, 1, 0)


class _Any:
    def __eq__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (V2, {"inputs": [*TENSORS, TENSORS[0]]}, 400, "amount"),
        (V2, {"inputs": TENSORS, "id": [[[1]]]}, 400, "id"),
        (V2, b'{"inputs": [], "id": ' + b"[" * 400 + b"]" * 400 + b"}", 400, "inputs"),
        (V2, {"inputs": [{**TENSORS[0], "shape": [10**4000, 10**4000]}, TENSORS[1]]}, 400, "amount"),
        (V2, {"inputs": [{**TENSORS[0], "shape": [1] * 200}, TENSORS[1]]}, 400, "amount"),
        (V2, {"inputs": [{**one, "shape": [0], "data": []} for one in TENSORS]}, 400, "inputs"),
        (V1, b'{"instances": [{"amount": 1, "amount": 2, "at": null}]}', 400, "amount"),
        (V1, b'{"instances": [], "instances": [{"amount": 1, "at": null}]}', 400, "instances"),
        (V1, b'{"instances": [{"\\ud800": 1, "\\ud800": 2}]}', 400, "\\ud800"),
        (V1, {"dataframe_split": {"columns": ["amount", "amount"], "data": [[1, 2]]}}, 400, "instances"),
        (V1, {"instances": [{"amount": 1, "at": "2026-05-01T00:00:00+99:00"}]}, 400, "at"),
        (V1, b'{"instances": [{"amount": 1e999, "at": null}]}', 400, "amount"),
        (V1, b'{"instances": [[' + b"9" * 400 + b", null]]}", 400, "amount"),
        (V1, b'{"instances": [' + b"[" * 900, 400, ""),
        (V1, b"\xff\xfe{\x00}\x00", 400, "instances"),
        (V1, b"", 400, ""),
        ("/v1/models/other:predict", GOOD, 404, ""),
        ("/v2/models/other/infer", {"inputs": TENSORS}, 404, ""),
        ("/v2/models/fraud/versions/8/infer", {"inputs": TENSORS}, 404, ""),
    ],
)
def test_a_wrong_request_names_its_field_and_is_counted(path: str, body: Any, status: int, field: str) -> None:
    served = application(settings=replace(SETTINGS, max_body=100_000))
    got, answer, _ = ask(served, path, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (got, answer["field"]) == (status, field), answer
    assert (counted(served, "4xx"), counted(served, "5xx"), held(served)) == (1, 0, 0)


def test_an_unknown_name_or_version_is_told_the_known_one() -> None:
    served = application()
    for path in ("/v1/models/other", "/v2/models/other", "/v2/models/other/ready", "/v2/models/other/infer"):
        status, answer, _ = ask(served, path, GOOD if path.endswith("infer") else None)
        assert (status, "'fraud'" in answer["error"]) == (404, True)
    status, answer, _ = ask(served, "/v2/models/fraud/versions/8", None)
    assert (status, "'7'" in answer["error"]) == (404, True)
    assert ask(served, "/v2/models/fraud/versions/7", None)[0] == 200
    tensors = json.dumps({"inputs": TENSORS}).encode()
    assert ask(served, "/v2/models/fraud/versions/7/infer", tensors)[0] == 200


def test_a_time_with_a_zone_is_taken_as_utc() -> None:
    model = Model()
    served = application(model)
    times = ("2026-05-01T12:00:00", "2026-05-01T12:00:00Z", "2026-05-01T14:00:00+02:00")
    body = json.dumps({"instances": [{"amount": 1, "at": one} for one in times]}).encode()
    assert ask(served, V1, body)[0] == 200
    assert [str(one) for one in model.asked[0]["at"]] == ["2026-05-01 12:00:00"] * 3


def test_what_is_not_plain_json_is_refused_by_its_header() -> None:
    served = application()
    status, answer, _ = ask(served, V1, gzip.compress(GOOD), content_encoding="gzip")
    assert (status, answer["field"]) == (415, "content-encoding")
    status, answer, _ = ask(served, V2, b"{}\x00\x00", inference_header_content_length="2")
    assert (status, answer["field"]) == (415, "inference-header-content-length")
    assert ask(served, V1, GOOD, content_encoding="identity", content_type="text/plain")[0] == 200


def test_refusals_log_a_line_a_second_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    served = application()
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            ask(served, V1, json.dumps({"instances": [{"a\nb": 1, "amount": 1, "at": None}]}).encode())
    (record,) = [one for one in caplog.records if one.name == "slipway.serving"]
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert record.getMessage() == "refused with 400: a\\nb: is no feature of this model"
