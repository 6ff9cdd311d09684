"""Single values of a request, read by the types of an MLflow signature: every refusal names the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

# scikit-learn's trees and many others compute in float32 and refuse what does not fit.
LARGEST = 3.4028234e38
_BOUNDS = {"long": 2**63 - 1, "integer": 2**31 - 1, "uint64": 2**64 - 1}
_MOST_FIELD = 100  # characters of a client's own name that an answer repeats


class InvalidInput(ValueError):
    """The client's fault: `field` is the feature or member that is wrong, `status` the answer's code."""

    def __init__(self, field: str, message: str, status: int = 400) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.status = status


def shown(name: object) -> str:
    """A name that a client made up, as an answer may repeat it: short, and always text that can be written."""
    return str(name).encode(errors="backslashreplace").decode()[:_MOST_FIELD]


def read_value(name: str, value: Any, kind: str) -> Any:
    """`value` as the type `kind` (one of signature.COLUMN_TYPES, or uint64). Raises InvalidInput."""
    return _READERS[kind](name, value, kind)


def _read_number(name: str, value: Any, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(name, f"must be a number, not {named(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidInput(name, "is too large") from None
    if not abs(number) <= LARGEST:
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
        raise InvalidInput(name, f"must be true or false, not {named(value)}")
    return value


def _read_string(name: str, value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(name, f"must be text, not {named(value)}")
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


def named(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


_READERS: Mapping[str, Callable[[str, Any, str], Any]] = {
    "double": _read_number,
    "float": _read_number,
    "long": _read_integer,
    "integer": _read_integer,
    "uint64": _read_integer,
    "boolean": _read_boolean,
    "string": _read_string,
    "datetime": _read_datetime,
}
