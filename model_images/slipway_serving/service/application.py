"""The routes of a served model, as one ASGI application that BentoML mounts.

It routes by hand: a prediction passes no router, no middleware and no request object, which is where most of a
framework's time per request goes (docs/decisions/0006-model-images.md).
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import REGISTRY, generate_latest

from slipway_serving.service import protocol
from slipway_serving.service.answers import Answer, ModelFault
from slipway_serving.service.assignment import REVISION_HEADER, Origin, entity_of, read_origin
from slipway_serving.service.exposition import CONTENT_TYPE
from slipway_serving.service.heldout import Told
from slipway_serving.service.http import (
    BodyLimits,
    ClientGone,
    Held,
    InFlight,
    Receive,
    Response,
    Scope,
    Send,
    check_encoding,
    json_response,
    read_body,
    read_headers,
    refusal,
    send_response,
)
from slipway_serving.service.linepace import LinePace
from slipway_serving.service.measure import Measurements
from slipway_serving.service.model import ServedModel
from slipway_serving.service.naming import check_name
from slipway_serving.service.predictionlog.queue import Entry, request_id
from slipway_serving.service.schema import InvalidInput
from slipway_serving.service.settings import Settings

if TYPE_CHECKING:
    from slipway_serving.service.predictionlog.log import PredictionLog

logger = logging.getLogger("slipway.serving")

_PREDICT = re.compile(r"/predict|/v1/models/([^/:]+):predict|/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_DESCRIBE = re.compile(r"/v([12])/models/([^/:]+)(?:/versions/([^/]+))?(/ready)?")
PREDICTION_HEADER = "x-slipway-prediction-id"
REQUEST_HEADER = "x-request-id"
CLIENT_GONE = 499
"""The status under which requests are counted whose client left before they were complete; nobody is told it."""


class _Asked(NamedTuple):
    """What the path says: which model, which version of it, in which protocol; and whether the entity is held out."""

    name: str
    version: str
    v2: bool
    held: bool = False


@dataclass
class _Outcome:
    """What one prediction request came to: the answer, what is counted of it, and what is logged.

    A refused request has no `columns` and is not logged; one that the model failed on has no `answer`. `told` is what
    an entity got that is held out, instead of `answer`.
    """

    response: Response
    answer: Answer | None = None
    columns: Sequence[list[Any]] = ()
    keys: Sequence[list[Any]] = ()
    size: int = 0
    told: Sequence[Any] | None = None


class Application:
    """All routes but liveness and readiness, which are BentoML's. `model` is None until `serve` was called."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: ServedModel | None = None
        self._measurements: Measurements | None = None
        self._log: PredictionLog | None = None
        self._limits = BodyLimits(settings.max_body, settings.body_seconds)
        self._flight = InFlight(settings.max_in_flight)
        self._workers = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
        # A model that always fails, or clients that always ask wrongly, must not fill the node's disk.
        self._failures, self._refusals = LinePace(5.0), LinePace(1.0)
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether a request would be answered, and whether new ones are still wanted."""
        return self._model is not None and not self.draining

    def serve(self, model: ServedModel) -> None:
        """From now on requests are answered by `model`. Raises ValueError for a prediction log that cannot work."""
        self._measurements = Measurements(self._settings, model.countable)
        if self._settings.log is not None:
            from slipway_serving.service.predictionlog.log import PredictionLog  # its libraries cost 10 MiB

            self._log = PredictionLog(self._settings.log, self._settings, model.schema)
        self._model = model

    def close(self, seconds: float) -> None:
        """Stores what was logged, in at most `seconds`, once the last request is answered."""
        if self._log is not None:
            self._log.close(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if match := _PREDICT.fullmatch(path):
            asked = _Asked(match[1] or match[2] or "", match[3] or "", v2=bool(match[2]))
            await self._predict(scope, receive, send, asked)
        elif path == "/metrics" and method == "GET":
            await send_response(self._metrics(read_headers(scope)), send)
        else:
            await send_response(self._describe(path, method), send)

    async def _predict(self, scope: Scope, receive: Receive, send: Send, asked: _Asked) -> None:
        headers = read_headers(scope)
        if scope["method"] != "POST":
            return await send_response(json_response(405, {"error": "use POST"}, {"allow": "POST"}), send)
        model, measurements = self._model, self._measurements
        if model is None or measurements is None:
            return await send_response(json_response(503, {"error": "the model is not loaded yet"}), send)
        identifier, now = uuid.uuid4().hex, time.time_ns()
        settings = self._settings
        origin = read_origin(headers, settings.revision, settings.bucket_header, model.baseline is not None)
        asked = asked._replace(held=origin.rotation is not None)
        with Held(self._flight) as held:
            try:
                body = await read_body(headers, receive, self._limits, held)
            except InvalidInput as error:
                # No evidence: neither its answer nor its time says anything of the model.
                measurements.add(origin._replace(epoch=None), error.status, 0.0)
                return await send_response(self._named(self._refused(error), identifier), send)
            except ClientGone:
                measurements.add(origin._replace(epoch=None), CLIENT_GONE, 0.0)
                return None
            start = time.perf_counter()  # how long a client takes to send is not the model's time
            outcome = await self._outcome(model, headers, body, asked, identifier)
        seconds = time.perf_counter() - start
        measurements.add(
            origin, outcome.response.status, seconds, outcome.answer, outcome.columns or None, outcome.size
        )
        if self._log is not None and outcome.columns:
            self._log.add(self._entry(now, headers, identifier, origin, outcome, seconds))
        await send_response(self._named(outcome.response, identifier), send)

    async def _outcome(
        self, model: ServedModel, headers: Mapping[str, str], body: bytes, asked: _Asked, identifier: str
    ) -> _Outcome:
        """Validates, predicts, answers: 4xx for the client's fault, 500 for everything else that is raised."""
        try:
            check_name(asked.name, asked.version, self._settings)
            check_encoding(headers)
            return await self._prediction(model, protocol.read_json(body), asked, identifier, len(body))
        except InvalidInput as error:
            return _Outcome(self._refused(error))
        except Exception:
            return _Outcome(self._failed(identifier))

    async def _prediction(
        self, model: ServedModel, document: Mapping[str, Any], asked: _Asked, identifier: str, size: int
    ) -> _Outcome:
        """Raises InvalidInput; everything that the model raises becomes a 500 with what it was asked."""
        most, v2 = self._settings.max_instances, asked.v2
        instances = protocol.read_v2(document, model.schema, most) if v2 else protocol.read_v1(document, most)
        columns, parameters = model.schema.read(instances), model.parameters.read(document)
        said = (protocol.read_identifier(document) if v2 else None) or identifier
        keys = model.schema.keys(instances) if self._log is not None else ()
        del document, instances  # parsed, a body takes ten times its size: not while it waits for a thread
        try:
            answer = await self._answer(model, columns, parameters)
            held = model.baseline.answer(columns) if asked.held and model.baseline is not None else None
            labels, deciders = held or Told(answer.labels, _deciders(model, answer))
            if v2:
                content = protocol.write_v2(asked.name, self._settings.version, said, labels, deciders)
            else:
                content = protocol.write_v1(labels, self._settings.version, deciders)
            told = held.labels if held is not None else None
            return _Outcome(json_response(200, content), answer, columns, keys, size, told)
        except Exception:  # foreign code may raise anything: one request fails, not the process
            return _Outcome(self._failed(identifier), None, columns, keys, size)

    async def _answer(self, model: ServedModel, columns: Sequence[list[Any]], parameters: Mapping[str, Any]) -> Answer:
        """The model's answer: from a thread, but for a model that is quicker than handing over to one."""
        if not model.pace.at_once(len(columns[0])):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._workers, _answered, model, columns, parameters)
        start = time.perf_counter()
        try:
            return _answered(model, columns, parameters)
        finally:
            model.pace.took(time.perf_counter() - start)

    def _entry(
        self, now: int, headers: Mapping[str, str], identifier: str, origin: Origin, outcome: _Outcome, seconds: float
    ) -> Entry:
        return Entry(
            now, request_id(headers.get(REQUEST_HEADER)), identifier, origin,
            entity_of(headers, self._settings.bucket_header), outcome.response.status, seconds,
            outcome.columns, outcome.keys, outcome.answer, len(outcome.columns[0]), outcome.size, outcome.told,
        )  # fmt: skip

    def _failed(self, identifier: str) -> Response:
        """The answer where the model, or this server, raised something; a traceback at most every five seconds."""
        if self._failures.due():
            left_out = self._failures.left_out()
            logger.exception("the model failed on a valid request (prediction %s)%s", identifier, left_out)
        return json_response(500, {"error": "the model failed", "id": identifier})

    def _refused(self, error: InvalidInput) -> Response:
        """The answer to a wrong request; a line a second at most, which a client's names cannot break."""
        if self._refusals.due():
            logger.info("refused with %d: %s%s", error.status, ascii(str(error))[1:-1], self._refusals.left_out())
        return refusal(error)

    def _named(self, response: Response, identifier: str) -> Response:
        headers = {
            **response.headers,
            REVISION_HEADER: self._settings.revision,
            PREDICTION_HEADER: identifier,
            **({"connection": "close"} if self.draining else {}),
        }
        return Response(response.status, response.body, response.media_type, headers)

    def _metrics(self, headers: dict[str, str]) -> Response:
        text = self._measurements.render(self._log) if self._measurements else ""
        page = text.encode() + generate_latest(REGISTRY)
        if "gzip" not in headers.get("accept-encoding", ""):
            return Response(200, page, CONTENT_TYPE)
        packed = gzip.compress(page, 1, mtime=0)
        return Response(200, packed, CONTENT_TYPE, {"content-encoding": "gzip"})

    def _describe(self, path: str, method: str) -> Response:
        """Metadata of both protocols; everything else is unknown."""
        match = _DESCRIBE.fullmatch(path)
        if path in ("/v2/health/live", "/v2/health/ready"):
            alive = path.endswith("live") or self.ready
            return json_response(200 if alive else 503, {"live" if path.endswith("live") else "ready": alive})
        if path == "/v2":
            return json_response(200, {"name": "slipway", "version": "1", "extensions": []})
        if not match or method not in ("GET", "HEAD"):
            return json_response(404, {"error": f"no route for {method} {path[:200]}"})
        try:
            check_name(match[2], match[3] or "", self._settings)
        except InvalidInput as error:
            return refusal(error)
        if self._model is None:
            return json_response(503, {"error": "the model is not loaded yet"})
        if match[1] == "1":
            return json_response(200, {"name": match[2], "ready": self.ready})
        if match[4]:
            return json_response(200 if self.ready else 503, {"name": match[2], "ready": self.ready})
        return json_response(200, self._metadata(match[2], self._model))

    def _metadata(self, name: str, model: ServedModel) -> dict[str, Any]:
        versions = [self._settings.version] if self._settings.version else []
        inputs = protocol.describe_inputs(model.schema)
        named = ["predict", protocol.DECIDED_BY] if model.deciders else ["predict"]
        outputs = [{"name": one, "datatype": "BYTES", "shape": [-1]} for one in named]
        return {"name": name, "versions": versions, "platform": "slipway", "inputs": inputs, "outputs": outputs}


def _answered(model: ServedModel, columns: Sequence[list[Any]], parameters: Mapping[str, Any]) -> Answer:
    """The model's answer. No real interrupt arrives here: not in a worker's thread, since signals go to the main one,
    and not in the event loop's, where the server has a handler for them.
    """
    try:
        return model.answer(columns, parameters)
    except KeyboardInterrupt as error:
        raise ModelFault("the model raised KeyboardInterrupt") from error


def _deciders(model: ServedModel, answer: Answer) -> list[str] | None:
    """Who made each prediction, where rules answer before the model."""
    return None if answer.decided_by is None else [model.deciders[index] for index in answer.decided_by.tolist()]
