"""What every model of the API shares: immutability, camelCase names, and rules stated once for both validators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

GROUP = "slipway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Rule:
    """One law of an object: in CEL for the API server and, where it does not compare with the old object, in Python.

    The API server prefixes the path of the object; `message` names the field below it and its legal values.
    `message_cel` is used instead where the message depends on the object; `message` stays as its fallback.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    message_cel: str = ""
    field: str = ""

    def as_schema(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        if self.message_cel:
            entry["messageExpression"] = self.message_cel
        if self.field:
            entry["fieldPath"] = self.field
        return entry


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)
    laws: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.laws:
            if rule.holds is not None and not rule.holds(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.laws:
            schema["x-kubernetes-validations"] = [rule.as_schema() for rule in cls.laws]
        return schema


class Spec(_Model):
    """Written by a user: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Status(_Model):
    """Written by the operator: a newer operator may have written more, which an older one ignores."""

    model_config = ConfigDict(extra="ignore")


@cache
def _name_of(model: type[BaseModel], alias: str) -> str:
    return next(name for name, field in model.model_fields.items() if field.alias == alias)


def _named(model: BaseModel, alias: str) -> Any:
    """The value of the field that manifests call `alias`."""
    return getattr(model, _name_of(type(model), alias))


def _present(model: BaseModel, field: str) -> bool:
    return _named(model, field) is not None


def union(members: Mapping[str, str | None], by: str = "type") -> Rule:
    """A union: `by` names the one member that must be set; a type without settings (None) takes no member."""
    names = {kind: member for kind, member in members.items() if member}
    cel = " && ".join(f"(self.{by} == '{kind}') == has(self.{member})" for kind, member in names.items())
    legal = ", ".join(f"{kind} ({member})" if member else f"{kind} (none)" for kind, member in members.items())

    def holds(model: BaseModel) -> bool:
        chosen = _named(model, by)
        return all((chosen == kind) == _present(model, member) for kind, member in names.items())

    return Rule(cel, f"set exactly the member that belongs to {by}: {legal}", holds)


def exactly_one(*fields: str, note: str = "") -> Rule:
    """Exactly one of several optional fields."""
    count = " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields)
    message = f"set exactly one of {', '.join(fields)}" + (f": {note}" if note else "")
    return Rule(f"{count} == 1", message, lambda m: sum(_present(m, field) for field in fields) == 1)


def at_most_one(*fields: str, note: str = "") -> Rule:
    """At most one of several optional fields."""
    count = " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields)
    message = f"set at most one of {', '.join(fields)}" + (f": {note}" if note else "")
    return Rule(f"{count} <= 1", message, lambda m: sum(_present(m, field) for field in fields) <= 1)


def at_least_one(*fields: str, note: str = "") -> Rule:
    """At least one of several optional fields."""
    count = " || ".join(f"has(self.{field})" for field in fields)
    message = f"set at least one of {', '.join(fields)}" + (f": {note}" if note else "")
    return Rule(count, message, lambda m: any(_present(m, field) for field in fields))


def goes_with(field: str, by: str, *kinds: str, required: bool = False) -> Rule:
    """`field` is legal (or required and legal) only where `by` is one of `kinds`."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    inside = f"has(self.{by}) && self.{by} in [{listed}]"
    verb = "is required with, and only legal with," if required else "is only legal with"
    relation = f"has(self.{field}) == ({inside})" if required else f"!has(self.{field}) || ({inside})"

    def holds(model: BaseModel) -> bool:
        legal = _named(model, by) in kinds
        return _present(model, field) == legal if required else legal or not _present(model, field)

    return Rule(relation, f"{field} {verb} {by}: {' or '.join(kinds)}", holds)
