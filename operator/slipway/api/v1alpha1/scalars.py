"""Strings with a meaning: durations, shares, bounds. No floats cross the API: encoders print them differently."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_MILLISECONDS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_NUMBER = r"[0-9]{1,9}(\.[0-9]{1,6})?"

# Units once each, largest first; the digits are bounded so that the sum fits the int64 nanoseconds of Go (292 years).
DURATION = r"^([0-9]{1,3}w)?([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?([0-9]{1,7}ms)?$"
SHARE = r"^(((100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)%)|(0(\.[0-9]{1,6})?|1(\.0{1,6})?))$"
BOUND = rf"^-?{_NUMBER}(%|ms|s|m)?$"
NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,12})?([eE]-?[0-9]{1,2})?$"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value and the text that a person wrote for it; two spellings of one value are equal, the text is kept."""

    text: str = field(compare=False)

    PATTERN: ClassVar[str]
    LEGAL: ClassVar[str]
    SCHEMA: ClassVar[dict[str, Any]]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r} must be a string: {cls.LEGAL}")
        return cls(value)

    def _matched(self) -> str:
        if not self.text or not re.fullmatch(self.PATTERN, self.text):
            raise ValueError(f"{self.text!r} must be {self.LEGAL}")
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if "format" in cls.SCHEMA:
            return dict(cls.SCHEMA)
        rule = {"rule": f"self.matches(r'{cls.PATTERN}')", "message": f"must be {cls.LEGAL}"}
        return {**cls.SCHEMA, "x-kubernetes-validations": [rule]}


@dataclass(frozen=True, slots=True, order=True)
class Duration(Scalar):
    """A length of time: weeks, days, hours, minutes, seconds, milliseconds, each at most once, largest first."""

    PATTERN = DURATION
    LEGAL = "a duration such as 500ms, 30s, 1h30m or 7d (units w, d, h, m, s, ms, largest first)"
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "format": "duration",
        "pattern": DURATION,
        "minLength": 2,
        "maxLength": 32,
    }

    milliseconds: int = field(init=False)

    def __post_init__(self) -> None:
        parts = re.findall(r"([0-9]+)([a-z]+)", self._matched())
        total = sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)
        object.__setattr__(self, "milliseconds", total)

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.milliseconds / 1000

    @property
    def timedelta(self) -> timedelta:
        """The length, to add to an instant."""
        return timedelta(milliseconds=self.milliseconds)

    @classmethod
    def of(cls, seconds: float) -> Self:
        """The canonical text of a length, exact to the millisecond."""
        rest, text = round(seconds * 1000), ""
        for unit, size in list(_MILLISECONDS.items())[1:]:
            count, rest = divmod(rest, size)
            text += f"{count}{unit}" if count else ""
        return cls(text or "0s")


@dataclass(frozen=True, slots=True, order=True)
class Share(Scalar):
    """A part of a whole, from nothing to all of it."""

    PATTERN = SHARE
    LEGAL = "a share: a percentage from 0% to 100% such as 5%, or a number from 0 to 1 such as 0.05"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 24}

    fraction: Decimal = field(init=False)

    def __post_init__(self) -> None:
        text = self._matched()
        value = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
        object.__setattr__(self, "fraction", value)


def share_cel(path: str) -> str:
    """CEL for the fraction of a share, a percentage or a number; 0 for other text, which the field itself refuses."""
    number = f"double({path}.replace('%', '')) / ({path}.endsWith('%') ? 100.0 : 1.0)"
    return rf"({path}.matches(r'^[0-9]+(\.[0-9]+)?%?$') ? {number} : 0.0)"


@dataclass(frozen=True, slots=True, order=True)
class Bound(Scalar):
    """A limit for a metric. `value` is in the metric's own unit: a fraction for shares, seconds for latencies."""

    PATTERN = BOUND
    LEGAL = "a number such as 0.2, a percentage such as 1%, or, for a latency, a time such as 100ms or 1.5s"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 20}

    value: Decimal = field(init=False)

    def __post_init__(self) -> None:
        text = self._matched()
        number = text.rstrip("%ms")
        scale = {"%": Decimal("0.01"), "ms": Decimal("0.001"), "m": Decimal(60)}
        object.__setattr__(self, "value", Decimal(number) * scale.get(text[len(number) :], Decimal(1)))


@dataclass(frozen=True, slots=True, order=True)
class Number(Scalar):
    """A plain decimal number, exponents allowed."""

    PATTERN = NUMBER
    LEGAL = "a number such as 3, 0.05, -4 or 1e-5"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 32}

    value: Decimal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Decimal(self._matched()))
