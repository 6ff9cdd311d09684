"""Pydantic's errors as findings: the path as written, the legal values, the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from slipway.api.v1alpha1.base import Spec
from slipway.validation.findings import Finding, Location, error

_PREFIXES = ("Value error, ", "Assertion failed, ")


def read(model: type[BaseModel], value: Any, at: Location) -> tuple[BaseModel | None, list[Finding]]:
    """The value as the model, or None with everything that is wrong with it."""
    try:
        return model.model_validate(value), []
    except ValidationError as failed:
        return None, [_finding(model, value, detail, at) for detail in failed.errors(include_url=False)]


def _finding(root: type[BaseModel], value: Any, detail: ErrorDetails, at: Location) -> Finding:
    location = _written(value, detail)
    message = _message(root, location, detail)
    return error((*at, *location, *_field_of_rule(model_at(root, location), message)), message)


def _field_of_rule(model: type[BaseModel] | None, message: str) -> Location:
    """A rule of several fields may name the one that its message is about."""
    rules = model.laws if model is not None and issubclass(model, Spec) else ()
    named = (rule.field for rule in rules if rule.message == message and rule.field)
    field = next(named, "").strip(".")
    return tuple(field.split(".")) if field else ()


def _written(value: Any, detail: ErrorDetails) -> Location:
    """The place in the manifest: without pydantic's names of the branches of a union, which are not in it."""
    location: list[str | int] = []
    for part in detail["loc"]:
        listed = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
        if listed or (isinstance(value, Mapping) and part in value):
            value = value[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        location.append(part)
    return tuple(location)


def _message(root: type[BaseModel], location: Location, detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model_at(root, location[:-1]), str(location[-1]))
    if kind == "missing":
        field = field_at(root, location)
        return "is required" + (f": {field.description}" if field and field.description else "")
    if kind == "literal_error":
        return f"{detail['input']!r} must be one of {context['expected']}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        model = model_at(root, location)
        return f"must be an object with the fields {_legal(model)}" if model else "must be an object"
    if kind == "tuple_type":
        return "must be a list"
    message = detail["msg"]
    for prefix in _PREFIXES:
        message = message.removeprefix(prefix)
    return _with_input(message, detail["input"])


def _with_input(message: str, value: Any) -> str:
    """Names the offending value where the message does not."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) not in message:
        return f"{value!r}: {message[:1].lower()}{message[1:]}"
    return message


def _unknown(model: type[BaseModel] | None, name: str) -> str:
    if model is None:
        return "unknown field"
    near = difflib.get_close_matches(name, _names(model), n=1)
    return "unknown field" + (f"; did you mean {near[0]}?" if near else "") + f" Legal: {_legal(model)}"


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _legal(model: type[BaseModel]) -> str:
    return ", ".join(_names(model))


def model_at(root: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model that describes what stands at the location."""
    model: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, int):
            continue
        field = field_at(model, (part,)) if model else None
        model = next(_models(field.annotation), None) if field else None
    return model


def field_at(root: type[BaseModel], location: Location) -> FieldInfo | None:
    """The field that the location names."""
    model = model_at(root, location[:-1]) if len(location) > 1 else root
    fields: Mapping[str, FieldInfo] = model.model_fields if model else {}
    return next((field for name, field in fields.items() if (field.alias or name) == location[-1]), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
