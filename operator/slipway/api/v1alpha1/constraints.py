"""Annotations of fields: bounded text with a readable refusal, keyed and plain lists, and what a later version acts on.

Every list, map and string is bounded: the API server prices a CEL rule by the largest object that the schema allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LATER_KEY = "x-later"  # carries a note into the description; no CRD keeps the key


@dataclass(frozen=True)
class Text:
    """A string of 1 to `longest` characters that matches `pattern`, refused in words instead of with the pattern."""

    longest: int
    pattern: str = ""
    legal: str = ""
    shortest: int = 1

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(min_length=self.shortest, max_length=self.longest)
        return core_schema.no_info_after_validator_function(self._check, text)

    def _check(self, value: str) -> str:
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(f"{value!r} must be {self.legal}")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        if self.pattern:
            rule = {"rule": f"self.matches(r'{self.pattern}')", "message": f"must be {self.legal}"}
            result["x-kubernetes-validations"] = [rule]
        return result


@dataclass(frozen=True)
class MapBy:
    """A list of objects, one per key: patches and server-side apply merge it entry by entry."""

    most: int
    least: int = 0
    key: str = "name"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        keys = [getattr(item, self.key) for item in value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"{self.key} must be unique, found twice: {', '.join(map(str, twice))}")
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"must have {self.least} to {self.most} entries, has {len(value)}")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        result |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key], "maxItems": self.most}
        return result | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True)
class ListOf:
    """A list whose order matters: server-side apply replaces it as a whole."""

    most: int
    least: int = 0
    list_type = "atomic"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"must have {self.least} to {self.most} entries, has {len(value)}")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema) | {"x-kubernetes-list-type": self.list_type, "maxItems": self.most}
        return result | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True)
class SetOf(ListOf):
    """A list of strings, each at most once; server-side apply merges it."""

    list_type = "set"

    def _check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) < len(value):
            raise ValueError("must not repeat a value")
        return super()._check(value)


def _always(value: Any) -> bool:
    return True


@dataclass(frozen=True)
class Later:
    """Marks a field (or, with `when`, some of its values) that this version accepts and does not act on yet.

    It stands beside the field, so that the change which brings the field to life removes it in the same place.
    `when` sees the value as written in the manifest. The default of a field is never reported.

    Attributes:
        note: what happens instead.
        instead: a note of its own for some values: (value, note).
        partly: the field is acted on, but not in all that its description says.
        compulsory: the schema asks for the field, so that its author cannot leave it out.
    """

    note: str
    when: Callable[[Any], bool] = _always
    instead: tuple[tuple[str, str], ...] = ()
    partly: bool = False
    compulsory: bool = False

    def note_on(self, value: Any) -> str:
        """What happens instead of what this value asks."""
        return next((note for known, note in self.instead if known == value), self.note)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), LATER_KEY: self.note}


def later_values(note: str, *values: str) -> Later:
    """The legal values of an enumeration that are not acted on yet."""
    return Later(note, lambda value: value in values)


Name = Annotated[
    str, Text(63, r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a name of lower-case letters, digits and '-', such as canary-5")
]
ObjectName = Annotated[
    str,
    Text(253, r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "the name of an object: lower-case letters, digits, '-' and '.'"),
]
Line = Annotated[str, Text(1024)]
ColumnName = Annotated[
    str, Text(128, r"^[^\x00-\x1f]+$", "the name of a column: up to 128 characters, no control characters")
]
FeatureName = Annotated[
    str,
    Text(
        63,
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "an identifier of letters, digits and '_', such as amount_7d; name another column with `column`",
    ),
]
Uri = Annotated[
    str,
    Text(2048, r"^[a-z][a-z0-9+.-]*:(//)?[^\s]+$", "a URI with its scheme, such as s3://lake/transactions/*.parquet"),
]
HttpUrl = Annotated[str, Text(2048, r"^https?://[^\s/]+[^\s]*$", "an http:// or https:// URL")]
HeaderName = Annotated[
    str, Text(100, r"^[A-Za-z0-9!#$%&*+.^_|~-]+$", "the name of an HTTP header, such as x-slipway-bucket")
]
Cron = Annotated[
    str,
    Text(
        100,
        r"^(@(yearly|monthly|weekly|daily|hourly)|[0-9*,/A-Za-z-]+( +[0-9*,/A-Za-z-]+){4})$",
        "five cron fields (minute hour day month weekday), such as '0 3 * * 1', or @daily and the like",
    ),
]
TimeZone = Annotated[
    str,
    Text(64, r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", "a time zone of the IANA database, such as Europe/Rome"),
]
StringMap = dict[Annotated[str, Text(253)], Annotated[str, Text(1024, shortest=0)]]
