"""What a manifest asks for that this version accepts and does not act on yet.

The operator puts the answer into a condition, admission into a warning, and `slipway lint` prints it: no field is ever
silently ignored. What is inactive is said beside each field, or beside a whole kind, by `Later`; a default is not
reported, since nobody asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from slipway.api.v1alpha1 import KINDS
from slipway.api.v1alpha1.constraints import Later
from slipway.api.v1alpha1.scalars import Scalar


@dataclass(frozen=True)
class InactiveField:
    """One field of a manifest, such as `spec.stages[ab].abTest`, and what happens instead.

    `partly` and `compulsory` are those of its mark.
    """

    path: str
    note: str
    partly: bool = False
    compulsory: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.note}"


def inactive_fields(kind: str, spec: Mapping[str, Any]) -> list[InactiveField]:
    """The fields of `spec`, as read from the API server, that this version does not act on."""
    known = next(known for known in KINDS if known.kind == kind)
    if known.later is not None:
        return [InactiveField("spec", known.later.note)]
    return list(_walk(known.spec, spec, "spec"))


@cache
def _marked(model: type[BaseModel]) -> tuple[tuple[str, FieldInfo, tuple[Later, ...], type[BaseModel] | None], ...]:
    """The fields that have a mark, beside them or further within: few of all that each reconcile would walk through.

    Each with its name in a manifest, its marks, and the model within, if any.
    """
    found: list[tuple[str, FieldInfo, tuple[Later, ...], type[BaseModel] | None]] = []
    for name, field in model.model_fields.items():
        marks = tuple(mark for mark in field.metadata if isinstance(mark, Later))
        inner = model_in(field.annotation)
        if marks or (inner is not None and _marked(inner)):
            found.append((field.alias or name, field, marks, inner))
    return tuple(found)


def _walk(model: type[BaseModel], written: Mapping[str, Any], path: str) -> Iterator[InactiveField]:
    for key, field, marks, inner in _marked(model):
        value = written.get(key)
        if value in (None, [], {}, ""):
            continue
        here = f"{path}.{key}"
        found = [mark for mark in marks if mark.when(value)]
        if found and not _is_default(field, value):
            mark = found[0]
            yield InactiveField(here, mark.note_on(value), mark.partly, mark.compulsory)
        elif not found and inner is not None:
            yield from _inside(inner, field, value, here)


def _inside(inner: type[BaseModel], field: FieldInfo, value: Any, path: str) -> Iterator[InactiveField]:
    """Fields of the models that a value consists of: one, a list, or a map of them."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            label = item.get("name", index) if isinstance(item, Mapping) else index
            if isinstance(item, Mapping):
                yield from _walk(inner, item, f"{path}[{label}]")
    elif isinstance(value, Mapping):
        by_name = _is_map(field.annotation)
        for key, item in value.items() if by_name else ():
            yield from _walk(inner, item, f"{path}[{key}]")
        if not by_name:
            yield from _walk(inner, value, path)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model within `Model | None`, `tuple[Model, ...]`, `dict[str, Model]` and Annotated of these."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_in(part)) is not None), None)


def _is_map(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict or any(_is_map(part) for part in get_args(annotation))


def _is_default(field: FieldInfo, value: Any) -> bool:
    """The API server fills in defaults, so a value that equals its default says nothing about the user."""
    default = field.default
    if default is PydanticUndefined or default is None:
        return False
    if isinstance(default, BaseModel):
        parsed: BaseModel = type(default).model_validate(value)
        return parsed == default
    if isinstance(default, Scalar):
        return bool(default.text == value)
    return bool((list(default) if isinstance(default, tuple) else default) == value)
