"""Requests that are JSON, and not of the shape that the protocol asks for."""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from slipway_serving.service.signature import ColumnSpec

from tests.unit.serving.fuzz_request import Request, as_json


class Valid(Protocol):
    """Who knows what a right request is."""

    draw: Random
    columns: dict[str, ColumnSpec]
    v1: str
    v2: str

    def instance(self) -> dict[str, Any]: ...
    def tensors(self, rows: list[dict[str, Any]]) -> dict[str, Any]: ...


def wrong_protocol(valid: Valid) -> Request:
    """Any of the kinds below."""
    return valid.draw.choice((_members, _tensor, _tensor_list, _path))(valid)


def _document(valid: Valid) -> dict[str, Any]:
    return valid.tensors([valid.instance() for _ in range(valid.draw.randrange(1, 4))])


def _members(valid: Valid) -> Request:
    """The document as a whole."""
    document = _document(valid)
    kind = valid.draw.randrange(3)
    if kind == 0:
        document["id"] = valid.draw.choice((7, [], {}, ["x"], "x" * 2000, True))
        return Request(valid.v2, as_json(document), frozenset({"id"}))
    if kind == 1:
        wrong: Any = valid.draw.choice((None, [], {}, "inputs", [1], [[]], [None], 3))
        return Request(valid.v2, as_json({**document, "inputs": wrong}), frozenset({"inputs"}))
    if valid.draw.random() < 0.5:
        return Request(valid.v2, as_json({"instances": [valid.instance()]}), frozenset({"inputs"}))
    return Request(valid.v1, as_json(document), frozenset({"instances"}))


_TENSOR_FAULTS: dict[str, tuple[Any, ...]] = {
    "datatype": ("FLOAT64", "fp64", "", 64, [], {}),
    "shape": (None, 2, "2", [], [-1], [10**4000, 10**400], [1] * 40, [True], [1.0], [2**63], [[1]], {}),
    "data": (None, {}, "1", 3, [[[]]]),
}


def _tensor(valid: Valid) -> Request:
    """One member of one tensor."""
    document = _document(valid)
    tensor = valid.draw.choice(document["inputs"])
    member = valid.draw.choice((*_TENSOR_FAULTS, "name"))
    if member == "name":
        tensor["name"] = valid.draw.choice((None, 3, [], {}))
        return Request(valid.v2, as_json(document), frozenset({"inputs"}))
    tensor[member] = valid.draw.choice(_TENSOR_FAULTS[member])
    if valid.draw.random() < 0.2:
        del tensor["shape"]
    return Request(valid.v2, as_json(document), frozenset({tensor["name"]}))


def _tensor_list(valid: Valid) -> Request:
    """Tensors that are missing, surplus, twice there, or one of all features that is too narrow."""
    document = _document(valid)
    tensors = document["inputs"]
    tensor = valid.draw.choice([one for one in tensors if valid.columns[one["name"]].required])
    kind = valid.draw.randrange(4)
    if kind == 0:
        tensors.remove(tensor)
        return Request(valid.v2, as_json(document), frozenset({tensor["name"]}))
    if kind == 1:
        tensors.append({**tensor, "name": "surplus"})
        return Request(valid.v2, as_json(document), frozenset({"surplus"}))
    if kind == 2:
        tensors.insert(valid.draw.randrange(len(tensors) + 1), tensor)
        return Request(valid.v2, as_json(document), frozenset({tensor["name"]}))
    matrix = {"name": "all", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}
    return Request(valid.v2, as_json({"inputs": [matrix]}), frozenset({"all"}))


def _path(valid: Valid) -> Request:
    """A model or a version that is not served here."""
    stranger = valid.draw.choice(("another", "%C3%BC", "a" * 500))
    kind = valid.draw.randrange(3)
    if kind == 0:
        return Request(
            f"/v1/models/{stranger}:predict", as_json({"instances": [valid.instance()]}), frozenset({""}), (404,)
        )
    base = f"/v2/models/{stranger}" if kind == 1 else f"{valid.v2.removesuffix('/infer')}/versions/{stranger}"
    return Request(f"{base}/infer", as_json(_document(valid)), frozenset({""}), (404,))
