"""What a model wants to be asked, and whether a request asks it: every refusal names the field.

The types are those of an MLflow signature, see `signature`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from slipway_serving.service.profile import Profile
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec
from slipway_serving.service.tensors import TensorInput, check_equal_shapes
from slipway_serving.service.values import InvalidInput, read_value, shown

__all__ = ["Column", "Form", "InvalidInput", "Schema", "schema_of"]

_NUMERIC = {"double", "float", "long", "integer"}
_MATRIX_TYPES = {"float64": "double", "float32": "float", "int64": "long", "int32": "integer"}


class Form(Enum):
    """What the model takes: a DataFrame with names or without, a matrix, one tensor, or several by name."""

    FRAME = "frame"
    NAMELESS_FRAME = "nameless frame"
    MATRIX = "matrix"
    TENSOR = "tensor"
    TENSORS = "tensors"


@dataclass(frozen=True)
class Column:
    """One feature of the request. `nullable` is what the model itself showed to tolerate; an `optional` one may be
    left out, which means null, where it is."""

    name: str
    type: str
    nullable: bool = True
    optional: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.type in _NUMERIC

    def read(self, value: Any) -> Any:
        """One value as the model takes it. Raises InvalidInput."""
        if value is None:
            if self.nullable:
                return math.nan if self.numeric else None
            raise InvalidInput(self.name, "must not be null: this model does not tolerate a missing value here")
        return read_value(self.name, value, self.type)


@dataclass(frozen=True)
class Schema:
    """All inputs in the model's order. `batch` is the number of instances where the model takes no other."""

    columns: tuple[Column | TensorInput, ...]
    form: Form = Form.FRAME
    tolerated: frozenset[str] = frozenset()
    batch: int | None = None

    def read(self, instances: Sequence[Any]) -> list[list[Any]]:
        """Turns instances (objects by name, or lists by position) into a list per column. Raises InvalidInput."""
        if self.batch not in (None, len(instances)):
            raise InvalidInput("instances", f"are {len(instances)}, the model takes exactly {self.batch} at once")
        rows = [self._row(instance, position) for position, instance in enumerate(instances)]
        columns = [[column.read(row[index]) for row in rows] for index, column in enumerate(self.columns)]
        for column, values in zip(self.columns, columns, strict=True):
            if isinstance(column, TensorInput):
                check_equal_shapes(column, values)
        return columns

    def keys(self, instances: Sequence[Any]) -> list[list[Any]]:
        """What instances say beside the features: a list for each of the `tolerated` names, in their order."""
        return [
            [instance.get(name) if isinstance(instance, Mapping) else None for instance in instances]
            for name in sorted(self.tolerated)
        ]

    def _row(self, instance: Any, position: int) -> Sequence[Any]:
        if self.form is Form.TENSOR:
            return [instance]
        if isinstance(instance, Mapping):
            return self._by_name(instance, position)
        if not isinstance(instance, list):
            if self.form is Form.NAMELESS_FRAME and len(self.columns) == 1:
                return [instance]
            raise InvalidInput(f"instances[{position}]", "must be an object of features, or a list of values")
        if len(instance) != len(self.columns):
            said = f"has {len(instance)} values, the model takes {len(self.columns)}"
            raise InvalidInput(f"instances[{position}]", said)
        return instance

    def _by_name(self, instance: Mapping[str, Any], position: int) -> Sequence[Any]:
        try:
            row = [instance[column.name] for column in self.columns]
            given = len(row)
        except KeyError:
            row = [self._present(column, instance, position) for column in self.columns]
            given = sum(column.name in instance for column in self.columns)
        if len(instance) > given:
            known = {column.name for column in self.columns} | self.tolerated
            unknown = sorted(str(name) for name in instance if name not in known)
            if unknown:
                raise InvalidInput(shown(unknown[0]), "is no feature of this model")
        return row

    def _present(self, column: Column | TensorInput, instance: Mapping[str, Any], position: int) -> Any:
        if column.name in instance:
            return instance[column.name]
        if isinstance(column, Column) and column.optional and column.nullable:
            return None
        raise InvalidInput(column.name, f"is missing in instances[{position}]")

    def nullable(self, names: frozenset[str]) -> Schema:
        """The same schema with exactly `names` nullable."""
        return replace(self, columns=tuple(replace(one, nullable=one.name in names) for one in self.columns))


def schema_of(signature: Signature, profile: Profile, own: Signature) -> Schema:
    """The schema from the signature, else from the profile, else from what the model says of itself (`own`).

    A model of which nothing is known is asked for one number.
    """
    if signature:
        return _of_signature(signature, profile)
    if profile.features:
        columns = tuple(Column(one.name, "double" if one.numeric else "string") for one in profile.features)
        return Schema(columns, Form.FRAME, profile.tolerated)
    return _of_signature(own or Signature(tensors=(TensorSpec(None, "float64", (-1, 1)),)), profile)


def _of_signature(signature: Signature, profile: Profile) -> Schema:
    if signature.tensors:
        return _of_tensors(signature.tensors, profile)
    nameless = signature.columns[0].name is None
    columns = tuple(_column(spec, place) for place, spec in enumerate(signature.columns))
    return Schema(columns, Form.NAMELESS_FRAME if nameless else Form.FRAME, profile.tolerated)


def _column(spec: ColumnSpec, place: int) -> Column:
    return Column(str(place) if spec.name is None else spec.name, spec.type, optional=not spec.required)


def _of_tensors(tensors: Sequence[TensorSpec], profile: Profile) -> Schema:
    first = tensors[0]
    batch = max((one.shape[0] for one in tensors), default=-1)
    fixed = batch if batch > 0 else None
    if first.name is None and len(first.shape) == 2 and first.shape[1] > 0 and first.dtype in _MATRIX_TYPES:
        kind = _MATRIX_TYPES[first.dtype]
        return Schema(tuple(Column(str(place), kind) for place in range(first.shape[1])), Form.MATRIX, batch=fixed)
    inputs = tuple(TensorInput(one.name or "inputs", one.dtype, one.shape[1:]) for one in tensors)
    if first.name is None:
        return Schema(inputs, Form.TENSOR, batch=fixed)
    return Schema(inputs, Form.TENSORS, profile.tolerated, fixed)
