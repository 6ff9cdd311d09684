"""Whether a server becomes ready and answers both protocols in their form."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway_serving.probe.client import Answer, Connection

REQUESTS, LOG = "requests.json", "server.log"
"""What the server leaves in the shared folder (slipway_serving.service.handover)."""

_ZEROS: Mapping[str, Any] = {"BYTES": "", "BOOL": False}
_EVERY_SECONDS = 0.2
_LAST_BYTES = 1500


@dataclass
class Unproven(Exception):
    """The model did not do what was asked: `reason` is CamelCase, `message` is for the person who trained it."""

    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True)
class Requests:
    """The bodies to ask `model` with. `source` says whose rows they are: Example, Profile, Zeros or Metadata."""

    model: str
    source: str
    v1: Sequence[bytes]
    v2: Sequence[bytes]

    @property
    def path_v1(self) -> str:
        return f"/v1/models/{self.model}:predict"

    @property
    def path_v2(self) -> str:
        return f"/v2/models/{self.model}/infer"

    def first(self, v2: bool) -> tuple[str, bytes]:
        """Path and body of the first request in one of the protocols."""
        return (self.path_v2, self.v2[0]) if v2 else (self.path_v1, self.v1[0])

    @property
    def size(self) -> int:
        """How many instances the first request holds."""
        return len(json.loads(self.v1[0])["instances"])


def until_ready(connection: Connection, seconds: float, folder: Path) -> float:
    """Waits for readiness; returns how many seconds it took. Raises Unproven after `seconds`."""
    start, said = time.monotonic(), "nothing answers"
    while time.monotonic() - start < seconds:
        try:
            answer = connection.ask("/readyz")
            if answer.status == 200:
                return time.monotonic() - start
            said = f"/readyz says {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            said = f"nothing answers ({error})"
        time.sleep(_EVERY_SECONDS)
    raise Unproven("NotReady", f"not ready within {seconds:.0f}s: {said}{last_lines(folder)}")


def read_requests(connection: Connection, model: str, folder: Path | None) -> Requests:
    """The requests that the server has handed over; of an image that does not do so, zeros by its metadata (V2).

    Raises Unproven when neither says what the model can be asked.
    """
    try:
        if folder is None or not (folder / REQUESTS).exists():
            return _described(connection.ask(f"/v2/models/{model}").document(), model)
        document = json.loads((folder / REQUESTS).read_text())
        v1, v2 = ([json.dumps(body).encode() for body in document[key]] for key in ("v1", "v2"))
        return Requests(model, document["source"], v1, v2)
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        said = f"neither a file nor GET /v2/models/{model} says what the server can be asked: {error!r}"
        raise Unproven("NoRequests", f"{said}{last_lines(folder)}") from None


def _described(metadata: Mapping[str, Any], model: str) -> Requests:
    """One instance of zeros, every free extent being 1."""
    tensors, instance = [], {}
    for one in metadata["inputs"]:
        shape = [1, *(max(1, extent) for extent in one["shape"][1:])]
        zeros = [_ZEROS.get(one["datatype"], 0)] * math.prod(shape)
        tensors.append({"name": one["name"], "shape": shape, "datatype": one["datatype"], "data": zeros})
        instance[one["name"]] = zeros[0] if len(one["shape"]) == 1 else _nested(zeros, shape[1:])
    v1, v2 = {"instances": [instance]}, {"inputs": tensors}
    return Requests(model, "Metadata", [json.dumps(v1).encode()], [json.dumps(v2).encode()])


def _nested(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    if len(shape) == 1:
        return list(flat)
    step = len(flat) // shape[0]
    return [_nested(flat[start : start + step], shape[1:]) for start in range(0, len(flat), step)]


def check_answers(connection: Connection, requests: Requests, folder: Path) -> None:
    """Asks once by each protocol. Raises Unproven for what no client could use."""
    for name, v2, check in (("V1", False, wrong_v1), ("V2", True, wrong_v2)):
        path, body = requests.first(v2)
        try:
            answer = connection.ask(path, body)
        except (OSError, http.client.HTTPException) as error:
            message = f"no answer to {_whose(requests)} by {name}: {error}{last_lines(folder)}"
            raise Unproven("NoAnswer", message) from None
        wrong = f"answered {answer.shown()}" if answer.status != 200 else check(answer, requests.size)
        if wrong:
            raise Unproven("BadAnswer", f"{name}, asked {_whose(requests)}, {wrong}{last_lines(folder)}")


def _whose(requests: Requests) -> str:
    return {
        "Example": "with the model's own input example",
        "Profile": "with the usual row of its profile",
        "Metadata": "with zeros for the inputs of its metadata",
    }.get(requests.source, "with zeros, as it has no input example (save the model with input_example=)")


def wrong_v1(answer: Answer, size: int) -> str:
    """What is wrong with a V1 answer; empty when nothing is."""
    document = _object(answer)
    if document is None:
        return f"answered no JSON object: {answer.shown()}"
    predictions = document.get("predictions")
    if not isinstance(predictions, list):
        return f"answered without a list of predictions: {answer.shown()}"
    return f"answered {len(predictions)} predictions for {size} instances" if len(predictions) != size else ""


def wrong_v2(answer: Answer, size: int) -> str:
    """What is wrong with a V2 answer; empty when nothing is."""
    document = _object(answer)
    outputs = document.get("outputs") if document is not None else None
    if not isinstance(outputs, list) or not outputs:
        return f"answered without outputs: {answer.shown()}"
    for output in outputs:
        members = isinstance(output, Mapping) and {"name", "shape", "datatype", "data"} <= output.keys()
        if not members or not output["shape"] or output["shape"][0] != size:
            return f"answered an output that is no tensor of {size} instances: {answer.shown()}"
    return ""


def _object(answer: Answer) -> Mapping[str, Any] | None:
    try:
        document = answer.document()
    except ValueError:
        return None
    return document if isinstance(document, Mapping) else None


def last_lines(folder: Path | None) -> str:
    """The end of the server's log, to be added to a message; empty where there is none."""
    if folder is None:
        return ""
    try:
        log = (folder / LOG).read_bytes()[-_LAST_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""
    return f"; its log ends: {log}" if log else ""
