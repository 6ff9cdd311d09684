"""10,000 requests made from a signature, valid and wrong ones mixed: no 5xx, and every valid one gets its answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from slipway_serving.service.application import Application
from slipway_serving.service.model import ServedModel
from slipway_serving.service.parameters import Parameters
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.schema import schema_of
from slipway_serving.service.settings import Settings
from slipway_serving.service.signature import Signature

from tests.unit.serving.asgi import call
from tests.unit.serving.request_fuzz import MOST_BODY, MOST_INSTANCES, Request, RequestFuzz, all_types, read_back

REQUESTS = 10_000
NULLABLE = frozenset({"double", "string", "maybe"})
SIGNATURE = all_types()
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


@pytest.fixture
def application() -> Application:
    schema = schema_of(SIGNATURE, Profile(FEATURES), Signature()).nullable(NULLABLE)
    made = Application(Settings(max_body=MOST_BODY, max_instances=MOST_INSTANCES))
    made.serve(ServedModel(Echo(), schema, Profile(FEATURES), Parameters(SIGNATURE.parameters)))
    return made


def expected(request: Request) -> list[Any]:
    kinds = [column.type for column in SIGNATURE.columns]
    parameters = {**{spec.name: spec.default for spec in SIGNATURE.parameters}, **dict(request.parameters)}
    given = sorted([name, str(value)] for name, value in parameters.items())
    return [[[read_back(value, kind) for value, kind in zip(row, kinds, strict=True)], given] for row in request.said]


def check(request: Request, kind: str, answer: tuple[int, Any, dict[str, str]]) -> None:
    status, document, headers = answer
    said = f"{kind}: {request.body[:300]!r} got {status} {document}"
    assert len(headers["x-slipway-prediction-id"]) == 32, said
    if request.fields is None:
        assert status == 200, said
        found = document["predictions"] if "predictions" in document else document["outputs"][0]["data"]
        assert [json.loads(one) for one in found] == expected(request), said
    else:
        assert status in request.statuses, said
        assert document["field"] in request.fields, said
        assert document["error"].startswith(document["field"]), said


def test_ten_thousand_requests_get_no_5xx_and_every_valid_one_its_answer(application: Application) -> None:
    fuzz = RequestFuzz(SIGNATURE, NULLABLE, seed=4)
    made = Counter[str]()

    def next_request() -> tuple[str, Request]:
        kind = fuzz.draw.choice(("valid", "valid", *fuzz.faults))
        made[kind] += 1
        return kind, fuzz.faults[kind]() if kind != "valid" else fuzz.valid()

    async def run() -> str:
        for _ in range(REQUESTS // 8):
            batch = [next_request() for _ in range(8)]
            answers = await asyncio.gather(*(call(application, one.path, one.body) for _, one in batch))
            for (kind, request), answer in zip(batch, answers, strict=True):
                check(request, kind, answer)
        return str((await call(application, "/metrics", None))[1])

    page = asyncio.run(run())
    assert sum(made.values()) == REQUESTS
    assert min(made.values()) >= 1_000, made
    counted = {code: total(page, f'code="{code}"') for code in ("2xx", "4xx", "5xx")}
    assert counted == {"2xx": made["valid"], "4xx": REQUESTS - made["valid"], "5xx": 0}


def total(page: str, label: str) -> float:
    families = text_string_to_metric_families(page)
    found = next(family for family in families if family.name == "slipway_requests")
    return sum(one.value for one in found.samples if label in ",".join(f'{k}="{v}"' for k, v in one.labels.items()))
