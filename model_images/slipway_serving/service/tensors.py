"""Inputs that are tensors: nested lists of one shape and type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.values import InvalidInput, read_value

_KINDS = {"f": "double", "i": "long", "u": "uint64", "b": "boolean"}


@dataclass(frozen=True)
class TensorInput:
    """One input of a model that takes tensors: of each instance an array of `shape`, where -1 is any extent.

    A tensor takes no null: there is no missing value in it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    type: str = "tensor"
    nullable: bool = False
    numeric: bool = False

    def read(self, value: Any) -> NDArray[Any]:
        """One instance's array. Raises InvalidInput."""
        flat: list[Any] = []
        shape = self._flatten(value, self.shape, flat)
        return np.array(flat, self.array_type).reshape(shape)

    @property
    def array_type(self) -> np.dtype[Any]:
        """numpy's type of the array."""
        return np.dtype(object if self.dtype in ("str", "object") else self.dtype)

    def typical(self) -> NDArray[Any]:
        """An instance that any model should survive: zeros, every free extent being 1."""
        shape = [1 if extent < 0 else extent for extent in self.shape]
        return np.full(shape, "" if self.array_type.kind == "O" else 0, self.array_type)

    def _flatten(self, value: Any, shape: tuple[int, ...], flat: list[Any]) -> tuple[int, ...]:
        if not shape:
            flat.append(self._element(value))
            return ()
        if not isinstance(value, list) or not value:
            raise InvalidInput(self.name, f"must be nested lists of the shape {self._shape()}")
        if shape[0] not in (-1, len(value)):
            raise InvalidInput(self.name, f"has {len(value)} values where its shape {self._shape()} says {shape[0]}")
        inner = [self._flatten(one, shape[1:], flat) for one in value]
        if any(one != inner[0] for one in inner):
            raise InvalidInput(self.name, "must hold lists of equal lengths")
        return (len(value), *inner[0])

    def _element(self, value: Any) -> Any:
        kind = self.array_type.kind
        read = read_value(self.name, value, _KINDS.get(kind, "string"))
        if kind in "iu":
            limits: Any = np.iinfo(self.array_type)
        elif kind == "f":
            limits = np.finfo(self.array_type)
        else:
            return read
        if not limits.min <= read <= limits.max:
            raise InvalidInput(self.name, f"must fit {self.dtype}")
        return read

    def _shape(self) -> str:
        return "[" + ", ".join("any" if extent < 0 else str(extent) for extent in self.shape) + "]"


def check_equal_shapes(column: TensorInput, arrays: Sequence[NDArray[Any]]) -> None:
    """Instances that travel together become one array. Raises InvalidInput where their shapes differ."""
    if any(array.shape != arrays[0].shape for array in arrays):
        raise InvalidInput(column.name, "must have the same shape in all instances of a request")


def nested(flat: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    """The values of a tensor, given in row-major order, as nested lists of `shape`."""
    if len(shape) <= 1:
        return list(flat)
    step = len(flat) // shape[0] if shape[0] else 0
    return [nested(flat[start : start + step], shape[1:]) for start in range(0, len(flat), step or 1)]
