"""From a pydantic model to a structural schema: what Kubernetes accepts in a CustomResourceDefinition.

Kubernetes wants no references, no `anyOf` with null, no titles, one type per node, and defaults that are complete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from slipway.api.v1alpha1.constraints import LATER_KEY
from slipway.api.v1alpha1.scalars import Scalar

Schema = dict[str, Any]

_ORDER = (
    "description", "type", "format", "default", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "maxProperties", "required", "properties", "additionalProperties", "items", "anyOf",
)  # fmt: skip
_DROPPED = ("title", "$defs", "discriminator", "nullable")


class _Generator(GenerateJsonSchema):
    """Writes defaults as a user would: pydantic alone shows the fields of a duration instead of its text."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Scalar):
            return str(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True)
        return super().encode_default(dft)


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model."""
    whole = model.model_json_schema(mode="validation", schema_generator=_Generator)
    return _node(whole, whole.get("$defs", {}))


def without_defaults(node: Schema) -> Schema:
    """For status: a default there would appear in every object without anyone having written it."""
    node.pop("default", None)
    for child in node.get("properties", {}).values():
        without_defaults(child)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            without_defaults(node[key])
    return node


def _node(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Schema:
    merged = _without_null(_resolved(schema, defs), defs)
    node = {key: value for key, value in merged.items() if key not in _DROPPED}
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "properties" in node:
        node["properties"] = {key: _node(value, defs) for key, value in node["properties"].items()}
        node.pop("additionalProperties", None)
    elif isinstance(node.get("additionalProperties"), Mapping):
        node["additionalProperties"] = _node(node["additionalProperties"], defs)
    if isinstance(node.get("items"), Mapping):
        node["items"] = _node(node["items"], defs)
    for key in ("minimum", "maximum"):
        if isinstance(node.get(key), float):
            node[key] = int(node[key])
    if node.get("type") == "integer":
        node.setdefault("format", "int64")
    node.pop("propertyNames", None)
    _set_default(node)
    _describe(node)
    return _ordered(node)


def _describe(node: Schema) -> None:
    """One line of words, with what `kubectl explain` leaves out: the default, and what this version does instead."""
    words, later = node.pop("description", ""), node.pop(LATER_KEY, "")
    default = node.get("default")
    if isinstance(default, str | int):
        words += f" Default: {str(default).lower() if isinstance(default, bool) else default}."
    if later:
        words += f" In this version: {later}."
    if words:
        node["description"] = re.sub(r"\s+", " ", words).strip()


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Schema:
    """The schema with its reference replaced; what stands beside the reference (a field's own words) wins."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ()) if "$ref" in part), None)
    if reference is None:
        return dict(schema)
    target = _resolved(defs[reference.removeprefix("#/$defs/")], defs)
    return _merged(target, beside)


def _merged(target: Schema, beside: Schema) -> Schema:
    rules = [*target.get("x-kubernetes-validations", ()), *beside.get("x-kubernetes-validations", ())]
    words = str(beside.get("description", target.get("description", "")))
    if words.startswith("With ") and "description" in target:
        words += " " + target["description"]  # a member of a union: when, and what
    merged = {**target, **beside} | ({"x-kubernetes-validations": rules} if rules else {})
    return merged | ({"description": words} if words else {})


def _without_null(schema: Schema, defs: Mapping[str, Any]) -> Schema:
    """`X or null` is X: the API server removes nulls from fields that are not nullable."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if "anyOf" not in schema or schema.get("x-kubernetes-int-or-string") or len(options) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return _without_null(_merged(_resolved(options[0], defs), rest), defs)


def _set_default(node: Schema) -> None:
    """Keeps defaults that say something, spelt out: the API server checks a default before the members' own apply."""
    node["default"] = _said(node.get("default"))
    if node["default"] in (None, [], {}) and not ("properties" in node and node["default"] == {}):
        del node["default"]


def _said(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    said = {key: _said(item) for key, item in value.items()}
    return {key: item for key, item in said.items() if item not in (None, [], {})}


def _ordered(node: Schema) -> Schema:
    """Words first, validations last: a person reads these files too."""
    known = [key for key in _ORDER if key in node]
    return {key: node[key] for key in [*known, *sorted(key for key in node if key not in known)]}
