"""What a model wants to be asked, and whether a request asks it: every refusal names the field.

The types are those of an MLflow signature (`MLmodel`, "Column-based signature").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slipway_serving.service.profile import Profile

# scikit-learn's trees and many others compute in float32 and refuse what does not fit.
_LARGEST = 3.4028234e38
_BOUNDS = {"long": 2**63 - 1, "integer": 2**31 - 1}
_NUMERIC = {"double", "float", "long", "integer"}
_KNOWN = {*_NUMERIC, "boolean", "string", "datetime"}


class InvalidInput(ValueError):
    """The client's fault: `field` is the feature or member that is wrong, `status` the answer's code."""

    def __init__(self, field: str, message: str, status: int = 400) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.status = status


@dataclass(frozen=True)
class Column:
    """One feature of the request. `nullable` is what the model itself showed to tolerate."""

    name: str
    type: str
    nullable: bool = True

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
        return _READERS[self.type](self.name, value, self.type)


@dataclass(frozen=True)
class Schema:
    """All features in the model's order. `named` is False for a model that takes a plain matrix."""

    columns: tuple[Column, ...]
    named: bool = True
    tolerated: frozenset[str] = frozenset()

    def read(self, instances: Sequence[Any]) -> list[list[Any]]:
        """Turns instances (objects by name, or lists by position) into a list per column. Raises InvalidInput."""
        rows = [self._row(instance, position) for position, instance in enumerate(instances)]
        return [[column.read(row[index]) for row in rows] for index, column in enumerate(self.columns)]

    def _row(self, instance: Any, position: int) -> Sequence[Any]:
        if isinstance(instance, Mapping):
            return self._by_name(instance, position)
        if not isinstance(instance, list):
            raise InvalidInput(f"instances[{position}]", "must be an object of features, or a list of values")
        if len(instance) != len(self.columns):
            said = f"has {len(instance)} values, the model takes {len(self.columns)}"
            raise InvalidInput(f"instances[{position}]", said)
        return instance

    def _by_name(self, instance: Mapping[str, Any], position: int) -> Sequence[Any]:
        try:
            row = [instance[column.name] for column in self.columns]
        except KeyError as missing:
            raise InvalidInput(str(missing.args[0]), f"is missing in instances[{position}]") from None
        if len(instance) > len(row):
            known = {column.name for column in self.columns} | self.tolerated
            unknown = sorted(str(name) for name in instance if name not in known)
            if unknown:
                field = unknown[0].encode(errors="backslashreplace").decode()[:100]
                raise InvalidInput(field, "is no feature of this model")
        return row

    def nullable(self, names: frozenset[str]) -> Schema:
        """The same schema with exactly `names` nullable."""
        return replace(self, columns=tuple(replace(one, nullable=one.name in names) for one in self.columns))


def schema_of(signature: Sequence[Mapping[str, Any]] | None, profile: Profile, width: int | None) -> Schema:
    """The schema from the signature, else from the profile, else `width` numbers by position.

    Raises ValueError for a type that this server cannot read.
    """
    if signature and signature[0].get("type") == "tensor":
        width = signature[0]["tensor-spec"]["shape"][-1]
        return Schema(_positions(width if width > 0 else 1), named=False)
    if signature:
        columns = tuple(Column(str(one.get("name", index)), str(one["type"])) for index, one in enumerate(signature))
        unknown = [column for column in columns if column.type not in _KNOWN]
        if unknown:
            raise ValueError(
                f"feature {unknown[0].name} has the type {unknown[0].type}, which no request can carry yet"
            )
        return Schema(columns, True, profile.tolerated)
    if profile.features:
        columns = tuple(Column(one.name, "double" if one.numeric else "string") for one in profile.features)
        return Schema(columns, True, profile.tolerated)
    return Schema(_positions(width or 1), named=False)


def _positions(width: int) -> tuple[Column, ...]:
    return tuple(Column(str(index), "double") for index in range(width))


def _read_number(name: str, value: Any, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(name, f"must be a number, not {_named(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidInput(name, "is too large") from None
    if not abs(number) <= _LARGEST:
        raise InvalidInput(name, "must be finite and fit 32-bit floating point")
    return number


def _read_integer(name: str, value: Any, kind: str) -> int:
    number = _read_number(name, value, kind)
    if not number.is_integer():
        raise InvalidInput(name, "must be a whole number")
    whole = int(value)
    if not -_BOUNDS[kind] - 1 <= whole <= _BOUNDS[kind]:
        raise InvalidInput(name, f"must fit {kind}")
    return whole


def _read_boolean(name: str, value: Any, kind: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(name, f"must be true or false, not {_named(value)}")
    return value


def _read_string(name: str, value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(name, f"must be text, not {_named(value)}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(name, "is no valid Unicode text")
    return value


def _read_datetime(name: str, value: Any, kind: str) -> datetime:
    try:
        read = datetime.fromisoformat(value)
        if not 1678 <= read.year <= 2261:  # what 64 bits of nanoseconds hold
            raise ValueError
    except (TypeError, ValueError):
        raise InvalidInput(name, "must be a time such as 2026-01-31T12:00:00") from None
    return read.replace(tzinfo=None) if read.tzinfo is None else (read - read.utcoffset()).replace(tzinfo=None)  # type: ignore[operator]


def _named(value: Any) -> str:
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


_READERS: Mapping[str, Callable[[str, Any, str], Any]] = {
    "double": _read_number,
    "float": _read_number,
    "long": _read_integer,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "string": _read_string,
    "datetime": _read_datetime,
}
