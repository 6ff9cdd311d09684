"""Routes, answers and their headers."""

from __future__ import annotations

from typing import Any

from slipway_serving.probe.contract.subject import PREDICTION_HEADER, REVISION_HEADER, Subject
from slipway_serving.probe.smoke import Unproven, wrong_v1, wrong_v2

_DATATYPES = {
    *("BOOL", "BYTES", "FP16", "FP32", "FP64", "BF16"),
    *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
}


def live(subject: Subject) -> str:
    """Each of these functions says what is wrong, and nothing where nothing is."""
    answer = subject.ask("/livez")
    return "" if answer.status == 200 else f"answered {answer.shown()}"


def metadata(subject: Subject) -> str:
    answer = subject.ask(f"/v2/models/{subject.asked.model}")
    if answer.status != 200:
        return f"answered {answer.shown()}"
    try:
        document = answer.document()
    except ValueError:
        return f"answered no JSON: {answer.shown()}"
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not inputs:
        return f"answered without a list of inputs: {answer.shown()}"
    wrong = next((one for one in inputs if not _describes(one)), None)
    if wrong is not None:
        return f"lists an input without name, known datatype and shape: {str(wrong)[:200]}"
    try:
        _ = subject.requests
    except Unproven as error:
        return error.message
    return ""


def _describes(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str) or one.get("datatype") not in _DATATYPES:
        return False
    shape = one.get("shape")
    return isinstance(shape, list) and bool(shape) and all(type(extent) is int for extent in shape)


def predict_v1(subject: Subject) -> str:
    answer = subject.predict()
    return f"answered {answer.shown()}" if answer.status != 200 else wrong_v1(answer, subject.requests.size)


def predict_v2(subject: Subject) -> str:
    answer = subject.predict(v2=True)
    return f"answered {answer.shown()}" if answer.status != 200 else wrong_v2(answer, subject.requests.size)


def revision(subject: Subject) -> str:
    for v2 in (False, True):
        said, wanted = subject.predict(v2).headers.get(REVISION_HEADER, ""), subject.asked.revision
        if not said:
            return f"{_protocol(v2)} answers have none"
        if wanted and said != wanted:
            return f"{_protocol(v2)} answers say {said!r}, the server serves {wanted!r}"
    return ""


def prediction_id(subject: Subject) -> str:
    seen: set[str] = set()
    for v2 in (False, False, True, True):
        said = subject.predict(v2).headers.get(PREDICTION_HEADER, "")
        if not said:
            return f"{_protocol(v2)} answers have none"
        if said in seen:
            return f"two answers have the same one, {said!r}"
        seen.add(said)
    return ""


def survives(subject: Subject) -> str:
    for v2 in (False, True):
        answer = subject.predict(v2)
        if answer.status != 200:
            return f"{_protocol(v2)} answered {answer.shown()}"
    return ""


def _protocol(v2: bool) -> str:
    return "V2" if v2 else "V1"
