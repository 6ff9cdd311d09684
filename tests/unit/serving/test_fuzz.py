"""Requests made from a signature, valid and wrong ones mixed: no 5xx, and every valid one gets its answer.

The same generator asks a model on a cluster, through the gateway: tests/e2e/test_fuzz.py.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from slipway_serving.service.application import Application
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.parameters import Parameters
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.schema import schema_of
from slipway_serving.service.settings import Settings
from slipway_serving.service.signature import Signature

from tests.unit.serving.asgi import call
from tests.unit.serving.fuzz_model import Offline, save_all_types
from tests.unit.serving.fuzz_request import Request, complaint, predictions
from tests.unit.serving.request_fuzz import (
    NAME,
    OF_A_POD,
    SHARES,
    SMALL,
    Bounds,
    RequestFuzz,
    all_types,
    read_back,
)

REQUESTS = 3_000
NULLABLE = frozenset({"double", "string", "maybe"})
SIGNATURE = all_types()
SET = Settings(model_name=NAME)
BOUNDED = replace(SET, max_body=SMALL.body, max_instances=SMALL.instances)
FEATURES = (
    ReferenceFeature("double", True, (0.0, 1.0), (), (1, 1, 1)),
    ReferenceFeature("string", False, (), ("it", "1"), (1, 1)),
    ReferenceFeature("boolean", True, (0.5,), (), (1, 1)),
)


class Echo:
    """A model that answers what it was asked, so that a value in the wrong place or of the wrong type is seen."""

    classes = None
    inputs = Signature()

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        kinds = {column.name: column.type for column in SIGNATURE.columns}
        rows = table.to_dict("records")
        given = sorted((name, str(value)) for name, value in parameters.items())
        return Prediction([json.dumps([[read_back(row[name], kinds[name]) for name in kinds], given]) for row in rows])


def application(settings: Settings) -> Application:
    schema = schema_of(SIGNATURE, Profile(FEATURES), Signature()).nullable(NULLABLE)
    made = Application(settings)
    made.serve(ServedModel(Echo(), schema, Profile(FEATURES), Parameters(SIGNATURE.parameters)))
    return made


def expected(request: Request) -> list[Any]:
    kinds = [column.type for column in SIGNATURE.columns]
    parameters = {**{spec.name: spec.default for spec in SIGNATURE.parameters}, **dict(request.parameters)}
    given = sorted([name, str(value)] for name, value in parameters.items())
    return [[[read_back(value, kind) for value, kind in zip(row, kinds, strict=True)], given] for row in request.said]


def check(request: Request, kind: str, answer: tuple[int, Any, dict[str, str]]) -> None:
    status, document, headers = answer
    said = f"{kind}: {request.body[-700:]!r} got {status} {document}"
    assert len(headers["x-slipway-prediction-id"]) == 32, said
    problem = complaint(request, status, document)
    assert not problem, f"{said}: {problem}"
    if request.fields is None:
        assert [json.loads(one) for one in predictions(document)] == expected(request), said


@pytest.mark.parametrize(
    ("settings", "bounds", "count"),
    [pytest.param(BOUNDED, SMALL, REQUESTS, marks=pytest.mark.long), (SET, replace(OF_A_POD, every=20), 1_000)],
    ids=["small bounds", "the bounds of a pod"],
)
def test_no_request_gets_a_5xx_and_every_valid_one_its_answer(settings: Settings, bounds: Bounds, count: int) -> None:
    requests, served = list(RequestFuzz(SIGNATURE, NULLABLE, 4, bounds=bounds).requests(count)), application(settings)

    async def run() -> str:
        for start in range(0, count, 8):
            batch = requests[start : start + 8]
            answers = await asyncio.gather(*(call(served, one.path, one.body) for _, one in batch))
            for (kind, request), answer in zip(batch, answers, strict=True):
                check(request, kind, answer)
        return str((await call(served, "/metrics", None))[1])

    page = asyncio.run(run())
    made = Counter(kind for kind, _ in requests)
    assert made == {kind: count * share // 100 for kind, share in SHARES.items()}
    assert any(one.statuses == (413,) for _, one in requests)
    counted = {code: total(page, f'code="{code}"') for code in ("2xx", "4xx", "5xx")}
    assert counted == {"2xx": made["valid"], "4xx": count - made["valid"], "5xx": 0}


def test_few_requests_of_a_run_go_beyond_the_bounds_of_a_pod() -> None:
    assert (OF_A_POD.body, OF_A_POD.instances) == (SET.max_body, SET.max_instances)
    fuzz = RequestFuzz(SIGNATURE, NULLABLE, 5, bounds=OF_A_POD)
    made = (fuzz.wrong_size() for _ in range(100 * SHARES["size"]))  # as many as 10,000 requests have of a wrong size
    beyond = [len(one.body) for one in made if one.statuses == (413,)]
    assert 10 <= len(beyond) <= 25
    assert sum(one > OF_A_POD.body for one in beyond) >= 3
    assert sum(one <= OF_A_POD.body for one in beyond) >= 3
    assert sum(beyond) < 100 << 20


@pytest.mark.long
def test_a_model_of_all_types_answers_as_it_does_offline(tmp_path: Path) -> None:
    offline = Offline(save_all_types(tmp_path / "model"))
    requests = list(RequestFuzz(offline.signature, offline.nullable, seed=8).requests(1_000))
    served = Application(BOUNDED)
    served.serve(load_model(offline.directory))

    async def run() -> list[tuple[int, Any, dict[str, str]]]:
        return [await call(served, one.path, one.body) for _, one in requests]

    answers = asyncio.run(run())
    said, found = list[Any](), list[float]()
    for (kind, request), answer in zip(requests, answers, strict=True):
        problem = complaint(request, answer[0], answer[1])
        assert not problem, f"{kind}: {request.body[:300]!r}: {problem}"
        if request.fields is None:
            said += request.said
            found += predictions(answer[1])
    assert offline.predict(said) == pytest.approx(found, rel=1e-9)


def total(page: str, label: str) -> float:
    families = text_string_to_metric_families(page)
    found = next(family for family in families if family.name == "slipway_requests")
    return sum(one.value for one in found.samples if label in ",".join(f'{k}="{v}"' for k, v in one.labels.items()))
