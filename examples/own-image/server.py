"""A server of a model of one's own, as small as one can be that Slipway serves (docs/own-image.md, part `serve`).

Replace `Model`, `Instance` and INPUTS. It needs fastapi and uvicorn; the image's command is `python3 server.py`.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_BYTES, MOST_INSTANCES = 1 << 20, 1000
INPUTS = [{"name": "area", "datatype": "FP64", "shape": [-1]}, {"name": "rooms", "datatype": "INT64", "shape": [-1]}]


class Model:
    """What is served; loading it takes its time."""

    def predict(self, rows: list[Instance]) -> list[float]:
        return [2000 * row.area + 10_000 * row.rooms for row in rows]


class Instance(BaseModel):
    """What the model is asked: whatever does not fit is refused, and the refusal names the input."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    area: float = Field(ge=0, le=1e6)  # bounds: what a model makes of 1e308 is no number that JSON has
    rooms: int = Field(ge=0, le=1000)


class V1(BaseModel):
    instances: list[Instance] = Field(min_length=1, max_length=MOST_INSTANCES)


class Tensor(BaseModel):
    name: str
    shape: list[int]
    data: list[Any] = Field(min_length=1, max_length=MOST_INSTANCES)


class V2(BaseModel):
    inputs: list[Tensor] = Field(min_length=1)


app = FastAPI()
loaded: list[Model] = []


@app.middleware("http")
async def named_and_bounded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuses bodies that are too large, and says in each answer which revision gave it."""
    length = request.headers.get("content-length", "0" if request.method == "GET" else "")
    if not length.isdigit():
        response: Response = JSONResponse({"error": "a content-length is needed"}, 411)
    elif int(length) > MOST_BYTES:
        response = JSONResponse({"error": f"the body is larger than {MOST_BYTES} bytes"}, 413)
    elif request.method == "POST" and not loaded:
        response = JSONResponse({"error": "the model is not loaded yet"}, 503)
    else:
        response = await answer(request)
    response.headers["x-slipway-revision"] = os.environ.get("SLIPWAY_REVISION", "none")
    response.headers["x-slipway-prediction-id"] = uuid.uuid4().hex
    return response


@app.exception_handler(RequestValidationError)
async def refused(_: Request, error: RequestValidationError) -> JSONResponse:
    """In place of FastAPI's own answer, which repeats the input: NaN or half a character cannot be written."""
    return refusal(error.errors()[0])


def refusal(wrong: Any) -> JSONResponse:
    """Names the input that is wrong."""
    field = ".".join(str(part) for part in wrong["loc"]).encode("ascii", "backslashreplace").decode()
    return JSONResponse({"error": f"{field}: {wrong['msg']}", "field": field}, 400)


@app.get("/livez")
def live() -> dict[str, bool]:
    return {"live": True}


@app.get("/readyz")
def ready() -> JSONResponse:
    return JSONResponse({"ready": bool(loaded)}, 200 if loaded else 503)


@app.get("/v2/models/{name}")
def metadata(name: str) -> dict[str, Any]:
    outputs = [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
    return {"name": name, "platform": "own", "inputs": INPUTS, "outputs": outputs}


@app.post("/v1/models/{name}:predict")
def predict_v1(name: str, asked: V1) -> dict[str, Any]:
    return {"predictions": loaded[0].predict(asked.instances)}


@app.post("/v2/models/{name}/infer")
def predict_v2(name: str, asked: V2) -> Any:
    if len({len(tensor.data) for tensor in asked.inputs}) != 1:
        return JSONResponse({"error": "all tensors must hold the same number of values", "field": "inputs"}, 400)
    names = [tensor.name for tensor in asked.inputs]
    try:
        rows = zip(*(tensor.data for tensor in asked.inputs), strict=True)
        instances = [Instance.model_validate(dict(zip(names, row, strict=True))) for row in rows]
    except ValidationError as error:
        return refusal(error.errors()[0])
    found = loaded[0].predict(instances)
    return {
        "model_name": name,
        "outputs": [{"name": "predict", "datatype": "FP64", "shape": [len(found)], "data": found}],
    }


if __name__ == "__main__":
    threading.Thread(target=lambda: loaded.append(Model())).start()
    # uvicorn finishes what is in flight when SIGTERM comes. An idle connection is kept for longer than Envoy keeps it.
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("SLIPWAY_PORT", "8080")), timeout_keep_alive=3700)
