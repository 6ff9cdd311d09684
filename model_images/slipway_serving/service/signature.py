"""The signature of an MLflow model, read from `MLmodel` as text: what it wants to be asked.

Sources: "MLflow Model Signatures" (column-based, tensor, params). The builder reads it too, so that a model that no
request could ever reach is refused before an image is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMN_TYPES = ("double", "float", "long", "integer", "boolean", "string", "datetime")
TENSOR_TYPES = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool", "str", "object"),
)


class UnsupportedSignature(ValueError):
    """A signature that no request could satisfy; the message names the feature or parameter."""


@dataclass(frozen=True)
class ColumnSpec:
    """One column; `name` is None where columns go by position alone."""

    name: str | None
    type: str
    required: bool = True


@dataclass(frozen=True)
class TensorSpec:
    """One tensor; -1 in `shape` is any extent, the first one is the batch."""

    name: str | None
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ParameterSpec:
    """One inference parameter: a value, or a list of them where `many`."""

    name: str
    type: str
    default: Any
    many: bool = False


@dataclass(frozen=True)
class Signature:
    """Either `columns` or `tensors`; both are empty for a model that says nothing."""

    columns: tuple[ColumnSpec, ...] = ()
    tensors: tuple[TensorSpec, ...] = ()
    parameters: tuple[ParameterSpec, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says what the inputs are."""
        return bool(self.columns or self.tensors)


def read_signature(document: Mapping[str, Any] | None) -> Signature:
    """Reads the member `signature` of MLmodel, whose own members are JSON as text. Raises UnsupportedSignature."""
    document = document or {}
    inputs, parameters = _listed(document, "inputs"), _listed(document, "params")
    tensors = tuple(_tensor(one) for one in inputs if one.get("type") == "tensor")
    columns = tuple(_column(one, place) for place, one in enumerate(inputs) if one.get("type") != "tensor")
    if tensors and (columns or (len(tensors) > 1 and any(one.name is None for one in tensors))):
        raise UnsupportedSignature("the signature mixes columns with tensors, or has several tensors without names")
    if any(column.name is None for column in columns) and any(column.name is not None for column in columns):
        raise UnsupportedSignature("the signature names some columns and others not")
    return Signature(columns, tensors, tuple(_parameter(one) for one in parameters))


def _listed(document: Mapping[str, Any], member: str) -> Sequence[Mapping[str, Any]]:
    text = document.get(member)
    try:
        found = json.loads(text) if text else []
    except (TypeError, ValueError) as error:
        raise UnsupportedSignature(f"the signature's {member} are no JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise UnsupportedSignature(f"the signature's {member} are no list of objects")
    return found


def _column(document: Mapping[str, Any], place: int) -> ColumnSpec:
    name, kind = document.get("name"), document.get("type")
    if kind not in COLUMN_TYPES:
        said = f"feature {name if name is not None else place} has the type {kind}"
        raise UnsupportedSignature(f"{said}, which no request can carry; supported are {', '.join(COLUMN_TYPES)}")
    return ColumnSpec(None if name is None else str(name), str(kind), document.get("required") is not False)


def _tensor(document: Mapping[str, Any]) -> TensorSpec:
    name, spec = document.get("name"), document.get("tensor-spec") or {}
    dtype, shape = spec.get("dtype"), spec.get("shape")
    said = f"tensor {name}" if name is not None else "the tensor"
    if dtype not in TENSOR_TYPES:
        raise UnsupportedSignature(f"{said} has the type {dtype}; supported are {', '.join(TENSOR_TYPES)}")
    extents = shape if isinstance(shape, list) else []
    if not extents or not all(type(one) is int and (one == -1 or one > 0) for one in extents):
        raise UnsupportedSignature(
            f"{said} has the shape {shape}, which is no list of extents that begins by the batch"
        )
    return TensorSpec(None if name is None else str(name), str(dtype), tuple(extents))


def _parameter(document: Mapping[str, Any]) -> ParameterSpec:
    name, kind, shape = document.get("name"), document.get("type") or document.get("dtype"), document.get("shape")
    if kind not in COLUMN_TYPES or shape not in (None, [-1]):
        raise UnsupportedSignature(
            f"parameter {name} is of the type {kind} and shape {shape}; supported are values and lists (shape [-1]) "
            f"of {', '.join(COLUMN_TYPES)}"
        )
    return ParameterSpec(str(name), str(kind), document.get("default"), many=shape == [-1])
