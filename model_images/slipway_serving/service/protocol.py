"""The two REST dialects of KServe: V1 (`instances`) and V2, the Open Inference Protocol (`inputs`)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from slipway_serving.service.schema import Form, Schema
from slipway_serving.service.tensors import TensorInput, nested
from slipway_serving.service.values import InvalidInput, shown

_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}
_COLUMN_DATATYPES = {"double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL"}
_KNOWN_DATATYPES = {
    *("BOOL", "BYTES", "FP16", "FP32", "FP64", "BF16"),
    *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
}

_LONGEST_ID = 1000
# More dimensions or elements than any array has: their product would be a number of a million digits.
_MOST_DIMENSIONS, _MOST_EXTENT = 32, 2**31


def read_json(body: bytes) -> Mapping[str, Any]:
    """The request's object. Raises InvalidInput for what is no JSON object."""
    try:
        document = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_object)
    except InvalidInput:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInput("", f"the body is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise InvalidInput("", "the body must be a JSON object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null for a missing value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are distinct: of two values nobody can say which was meant."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise InvalidInput(shown(_repeated(name for name, _ in pairs)), "is given twice in one object")
    return made


def _repeated(names: Iterable[str]) -> str:
    """The first name that comes a second time."""
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def read_identifier(document: Mapping[str, Any]) -> str | None:
    """The id that a V2 request gives itself, which its answer repeats. Raises InvalidInput."""
    identifier = document.get("id")
    if identifier is None or (isinstance(identifier, str) and len(identifier) <= _LONGEST_ID):
        return identifier
    raise InvalidInput("id", f"must be text of at most {_LONGEST_ID} characters")


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
    names = [_name(tensor) for tensor in tensors]
    if len(set(names)) != len(names):
        raise InvalidInput(shown(_repeated(names)), "is the name of two tensors")
    if schema.form in (Form.TENSOR, Form.TENSORS):
        return _counted("inputs", _tensor_rows(tensors, data, schema), most)
    if len(tensors) == 1 and _holds_all(tensors[0], schema):
        return _counted("inputs", _rows(data[0], tensors[0], len(schema.columns)), most)
    for tensor in tensors:
        if math.prod(tensor["shape"][1:]) != 1:
            raise InvalidInput(shown(tensor["name"]), "must have the shape [rows]: it holds one feature")
    return _counted("inputs", _by_name(dict(zip(names, data, strict=True))), most)


def _holds_all(tensor: Mapping[str, Any], schema: Schema) -> bool:
    """Whether the only tensor of a request is a matrix of all features, and not the one that others may be left out
    beside."""
    if schema.form in (Form.MATRIX, Form.NAMELESS_FRAME):
        return True
    one = math.prod(tensor["shape"][1:]) == 1 and any(column.name == tensor["name"] for column in schema.columns)
    return len(schema.columns) > 1 and not one


def _name(tensor: Mapping[str, Any]) -> str:
    name = tensor.get("name")
    if not isinstance(name, str):
        raise InvalidInput("inputs", "every tensor needs a name")
    return name


def _data(tensor: Mapping[str, Any]) -> list[Any]:
    """The values of a tensor in row-major order: they may come nested by its shape, or flat."""
    field = shown(_name(tensor))
    data, shape, datatype = tensor.get("data"), tensor.get("shape"), tensor.get("datatype")
    if not isinstance(data, list):
        raise InvalidInput(field, "needs its values in data, a list")
    if (
        not isinstance(shape, list)
        or not shape
        or not all(type(size) is int and 0 <= size <= _MOST_EXTENT for size in shape)
    ):
        raise InvalidInput(field, "needs a shape, a list of whole numbers that begins with the number of instances")
    if len(shape) > _MOST_DIMENSIONS:
        raise InvalidInput(field, f"has a shape of {len(shape)} dimensions, at most {_MOST_DIMENSIONS} are taken")
    if datatype is not None and (not isinstance(datatype, str) or datatype not in _KNOWN_DATATYPES):
        raise InvalidInput(field, "has a datatype that the protocol does not know, such as FP64, INT64, BOOL or BYTES")
    flat, depth = data, 1
    while depth < len(shape) and _rectangular(flat, shape[depth]):
        flat, depth = [value for row in flat for value in row], depth + 1
    size = math.prod(shape)
    if size != len(flat):
        raise InvalidInput(field, f"has {len(flat)} values, its shape says {size}")
    return flat


def _rectangular(data: list[Any], extent: int) -> bool:
    return bool(data) and all(isinstance(row, list) and len(row) == extent for row in data)


def _rows(data: list[Any], tensor: Mapping[str, Any], width: int) -> list[Any]:
    shape = tensor["shape"]
    if width == 1 and len(shape) == 1:
        return [[value] for value in data]
    if len(shape) != 2 or shape[1] != width:
        said = f"must have the shape [rows, {width}], or send a tensor per feature"
        raise InvalidInput(shown(tensor["name"]), said)
    return nested(data, shape)


def _by_name(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    if len({len(values) for values in columns.values()}) != 1:
        raise InvalidInput("inputs", "all tensors must hold the same number of values")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _tensor_rows(tensors: list[Mapping[str, Any]], data: list[list[Any]], schema: Schema) -> list[Any]:
    """Instances of a model that takes tensors: the first extent of each is the batch."""
    stacks = {_name(one): _stack(one, values) for one, values in zip(tensors, data, strict=True)}
    if schema.form is Form.TENSORS:
        return _by_name(stacks)
    if len(stacks) > 1:
        raise InvalidInput("inputs", "must hold one tensor")
    return list(next(iter(stacks.values())))


def _stack(tensor: Mapping[str, Any], flat: list[Any]) -> list[Any]:
    shape = tensor["shape"]
    if not shape or 0 in shape:
        raise InvalidInput(shown(tensor["name"]), "must have a shape that begins with the number of instances")
    return nested(flat, shape)


def _counted(field: str, instances: list[Any], most: int) -> list[Any]:
    if not instances:
        raise InvalidInput(field, "is empty")
    if len(instances) > most:
        raise InvalidInput(field, f"holds {len(instances)} instances, at most {most} are taken at once", 413)
    return instances


DECIDED_BY = "decided_by"


def write_v1(predictions: Sequence[Any], version: str, decided_by: Sequence[str] | None = None) -> dict[str, Any]:
    """The V1 answer; `decided_by` says of each prediction who made it, where rules answer before the model."""
    answer = {"predictions": list(predictions), "model_version": version}
    return answer if decided_by is None else {**answer, DECIDED_BY: list(decided_by)}


def write_v2(
    name: str, version: str, identifier: str, predictions: Sequence[Any], decided_by: Sequence[str] | None = None
) -> dict[str, Any]:
    """The V2 answer: an output tensor `predict`, or one for each member where the model answers objects.

    Where rules answer before the model, a last tensor `decided_by` says of each prediction who made it.
    """
    if all(isinstance(one, Mapping) and one.keys() == predictions[0].keys() for one in predictions):
        outputs = [_output(str(key), [one[key] for one in predictions]) for key in predictions[0]]
    else:
        outputs = [_output("predict", list(predictions))]
    if decided_by is not None:
        outputs.append(_output(DECIDED_BY, list(decided_by)))
    return {"model_name": name, "model_version": version, "id": identifier, "outputs": outputs}


def _output(name: str, values: list[Any]) -> dict[str, Any]:
    shape = [len(values)]
    while values and all(isinstance(one, list) and len(one) == len(values[0]) for one in values):
        shape, values = [*shape, len(values[0])], [inner for one in values for inner in one]
    kinds = {type(one) for one in values if one is not None}
    kind = float if kinds == {int, float} else kinds.pop() if len(kinds) == 1 else str
    return {"name": name, "shape": shape, "datatype": _DATATYPES.get(kind, "BYTES"), "data": values}


def describe_inputs(schema: Schema) -> list[dict[str, Any]]:
    """The inputs as the metadata of V2 lists them."""
    return [_described(column) for column in schema.columns if isinstance(column, TensorInput)] or [
        {"name": column.name, "datatype": _COLUMN_DATATYPES.get(column.type, "BYTES"), "shape": [-1]}
        for column in schema.columns
    ]


def _described(column: TensorInput) -> dict[str, Any]:
    kind, bits = column.array_type.kind, column.array_type.itemsize * 8
    datatype = {"f": f"FP{bits}", "i": f"INT{bits}", "u": f"UINT{bits}", "b": "BOOL"}.get(kind, "BYTES")
    return {"name": column.name, "datatype": datatype, "shape": [-1, *column.shape]}
