"""One made-up request, and what its answer may be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """`fields` are those that a refusal may name, None for a valid request, whose rows say `said`."""

    path: str
    body: bytes
    fields: frozenset[str] | None = None
    statuses: tuple[int, ...] = (400,)
    said: tuple[Any, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()


def as_json(document: Any) -> bytes:
    """The body; text that is no Unicode is escaped."""
    return json.dumps(document).encode()


def complaint(request: Request, status: int, document: Any) -> str:
    """What is wrong with an answer, whatever the model says; empty for nothing."""
    if request.fields is None:
        return "" if status == 200 else f"a valid request got {status} {document}"
    if status not in request.statuses:
        return f"{status} instead of {request.statuses}: {document}"
    if not isinstance(document, dict) or document.get("field") not in request.fields:
        return f"none of {sorted(request.fields)} is blamed: {document}"
    return "" if str(document["error"]).startswith(document["field"]) else f"the field is not said: {document}"


def predictions(document: Any) -> list[Any]:
    """The answers of either protocol, one for each row."""
    found: list[Any] = document["predictions"] if "predictions" in document else document["outputs"][0]["data"]
    return found
