"""What a server says to requests that no model should see."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

from slipway_serving.probe.client import Answer
from slipway_serving.probe.contract.subject import Subject

_LARGE = 64 << 20
_BLANKS = b" " * (256 << 10)
_ANSWER_SECONDS = 60.0
_NOTHING: dict[str, Any] = {"not": "a value"}


def bad_json(subject: Subject) -> str:
    """Each of these functions says what is wrong, and nothing where nothing is."""
    requests = subject.requests
    for path in (requests.path_v1, requests.path_v2):
        answer = subject.ask(path, b'{"instances": [')
        if not 400 <= answer.status < 500:
            return f"{path} answered {answer.shown()}"
    return ""


def bad_member(subject: Subject) -> str:
    requests = subject.requests
    for path, member in ((requests.path_v1, "instances"), (requests.path_v2, "inputs")):
        wrong = _refused(subject.ask(path, b"{}"), {member})
        if wrong:
            return f"asked without {member}, {path} {wrong}"
    return ""


def bad_type(subject: Subject) -> str:
    requests = subject.requests
    known = _input_names(subject)
    v1, name = spoilt_instance(json.loads(requests.v1[0]))
    wrong = _refused(subject.ask(requests.path_v1, json.dumps(v1).encode()), {name} if name else known)
    if wrong:
        return f"asked for {name or 'an instance'} = {json.dumps(_NOTHING)}, {requests.path_v1} {wrong}"
    v2 = json.loads(requests.v2[0])
    tensor = v2["inputs"][0]
    tensor["data"] = _spoilt(tensor["data"])
    names = {tensor["name"]} if len(v2["inputs"]) > 1 else {tensor["name"], *known}
    wrong = _refused(subject.ask(requests.path_v2, json.dumps(v2).encode()), names)
    return f"asked for {tensor['name']} = {json.dumps(_NOTHING)}, {requests.path_v2} {wrong}" if wrong else ""


def spoilt_instance(document: Any) -> tuple[Any, str]:
    """A V1 request with one value that no type has, and the name of its input where instances go by name."""
    first = document["instances"][0]
    if isinstance(first, dict) and first:
        name = next(iter(first))
        document["instances"][0] = {**first, name: _NOTHING}
        return document, str(name)
    document["instances"][0] = _spoilt(first)
    return document, ""


def _spoilt(value: Any) -> Any:
    """The first of nested values becomes an object, the shape stays."""
    return [_spoilt(value[0]), *value[1:]] if isinstance(value, list) and value else _NOTHING


def _input_names(subject: Subject) -> set[str]:
    inputs = subject.ask(f"/v2/models/{subject.asked.model}").document()["inputs"]
    return {"instances", "inputs", *(str(one["name"]) for one in inputs)}


def _refused(answer: Answer, names: set[str]) -> str:
    """What is wrong with a refusal that should name one of `names`."""
    if not 400 <= answer.status < 500:
        return f"answered {answer.shown()}"
    try:
        said = list(_texts(answer.document()))
    except ValueError:
        return f"refused without JSON: {answer.shown()}"
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names for text in said):
        return ""
    return f"refused without naming {' or '.join(sorted(names)[:3])}: {answer.shown()}"


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from _texts(value)
    else:
        yield str(document)


def body_bound(subject: Subject) -> str:
    """A valid request, behind it blanks up to 64 MiB: who refuses it, or closes the connection, has a bound."""
    requests = subject.requests
    head = (
        f"POST {requests.path_v1} HTTP/1.1\r\nhost: {subject.asked.host}\r\ncontent-type: application/json\r\n"
        f"content-length: {_LARGE}\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection((subject.asked.host, subject.asked.port), _ANSWER_SECONDS) as connection:
        status = _status_of(connection, head.encode() + requests.v1[0], _LARGE - len(requests.v1[0]))
    if status is None or 400 <= status < 500:
        return ""
    return f"answered {status} to 64 MiB"


def _status_of(connection: socket.socket, start: bytes, blanks: int) -> int | None:
    """The answer's status; None where the connection was closed without one that could be read."""
    try:
        connection.sendall(start)
        while blanks > 0:
            connection.sendall(_BLANKS[:blanks])
            blanks -= len(_BLANKS)
    except OSError:
        pass  # refused before it was sent: the answer may be there all the same
    try:
        line = connection.recv(64).split(b" ")
        return int(line[1]) if len(line) > 1 and line[1].isdigit() else None
    except TimeoutError:
        raise
    except OSError:
        return None
