"""The two REST dialects of KServe: V1 (`instances`) and V2, the Open Inference Protocol (`inputs`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from slipway_serving.service.schema import InvalidInput, Schema

_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


def read_json(body: bytes) -> Mapping[str, Any]:
    """The request's object. Raises InvalidInput for what is no JSON object."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("", f"the body is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise InvalidInput("", "the body must be a JSON object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null for a missing value")


def read_v1(document: Mapping[str, Any], most: int) -> list[Any]:
    """The instances of a V1 request. Raises InvalidInput."""
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise InvalidInput("instances", "must be a list")
    return _counted("instances", instances, most)


def read_v2(document: Mapping[str, Any], schema: Schema, most: int) -> list[Any]:
    """The instances of a V2 request: one tensor per feature, or one matrix of all. Raises InvalidInput."""
    tensors = document.get("inputs")
    if not isinstance(tensors, list) or not all(isinstance(one, Mapping) for one in tensors) or not tensors:
        raise InvalidInput("inputs", "must be a list of tensors")
    data = [_data(tensor) for tensor in tensors]
    if len(tensors) == 1 and len(schema.columns) > 1:
        return _counted("inputs", _rows(data[0], tensors[0], len(schema.columns)), most)
    by_name = {str(tensor["name"]): values for tensor, values in zip(tensors, data, strict=True)}
    if len({len(values) for values in by_name.values()}) != 1:
        raise InvalidInput("inputs", "all tensors must hold the same number of values")
    names = list(by_name)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*by_name.values(), strict=True)]
    return _counted("inputs", rows, most)


def _data(tensor: Mapping[str, Any]) -> list[Any]:
    name = tensor.get("name")
    if not isinstance(name, str):
        raise InvalidInput("inputs", "every tensor needs a name")
    field = name.encode(errors="backslashreplace").decode()[:100]
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list):
        raise InvalidInput(field, "needs its values in data, a list")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidInput(field, "needs a shape, a list of whole numbers")
    flat = (
        [value for row in data for value in row] if data and isinstance(data[0], list) and _rectangular(data) else data
    )
    size = 1
    for extent in shape:
        size *= extent
    if size != len(flat):
        raise InvalidInput(field, f"has {len(flat)} values, its shape says {size}")
    return flat


def _rectangular(data: list[Any]) -> bool:
    return all(isinstance(row, list) and len(row) == len(data[0]) for row in data)


def _rows(data: list[Any], tensor: Mapping[str, Any], width: int) -> list[Any]:
    shape = tensor["shape"]
    if len(shape) != 2 or shape[1] != width:
        raise InvalidInput(
            str(tensor["name"])[:100], f"must have the shape [rows, {width}], or send a tensor per feature"
        )
    return [data[start : start + width] for start in range(0, len(data), width)]


def _counted(field: str, instances: list[Any], most: int) -> list[Any]:
    if not instances:
        raise InvalidInput(field, "is empty")
    if len(instances) > most:
        raise InvalidInput(field, f"holds {len(instances)} instances, at most {most} are taken at once", 413)
    return instances


def write_v1(predictions: Sequence[Any], version: str) -> dict[str, Any]:
    """The V1 answer."""
    return {"predictions": list(predictions), "model_version": version}


def write_v2(name: str, version: str, identifier: str, predictions: Sequence[Any]) -> dict[str, Any]:
    """The V2 answer: one output tensor `predict`."""
    datatype = _DATATYPES.get(type(predictions[0]), "BYTES")
    output = {"name": "predict", "shape": [len(predictions)], "datatype": datatype, "data": list(predictions)}
    return {"model_name": name, "model_version": version, "id": identifier, "outputs": [output]}
