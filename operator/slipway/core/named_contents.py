"""Secrets and ConfigMaps that a predictor names: what of their contents counts into its revision, as keyed digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from slipway.api.v1alpha1.references import KeySelector
from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.core.desired.names import short_hash
from slipway.core.plan import Unavailable

MISSING = "ReferenceMissing"
Found = Mapping[tuple[str, str], Mapping[str, str] | Unavailable | None]
"""By kind and name: the keyed digest of each key's value; None where there is no such object."""


@dataclass(frozen=True)
class Named:
    """One place of the predictor that takes its value from a Secret or ConfigMap; `key` is empty for all of its keys.
    `where` says which field of the spec names it."""

    kind: Literal["Secret", "ConfigMap"]
    name: str
    where: str
    key: str = ""
    optional: bool = False


def named_by(predictor: Predictor) -> tuple[Named, ...]:
    """What `env` and `envFrom` name, in their order. The prediction log's Secret is none of it: pods read it anew when
    it changes, and it is in no answer."""
    return tuple(_named_by(predictor))


def _named_by(predictor: Predictor) -> Iterator[Named]:
    for variable in predictor.env:
        source, where = variable.value_from, f"spec.predictor.env[{variable.name}]"
        if source is not None and source.secret_key_ref is not None:
            yield _key("Secret", source.secret_key_ref, where)
        if source is not None and source.config_map_key_ref is not None:
            yield _key("ConfigMap", source.config_map_key_ref, where)
    for place, group in enumerate(predictor.env_from):
        where = f"spec.predictor.envFrom[{place}]"
        if group.secret_ref is not None:
            yield Named("Secret", group.secret_ref.name, where)
        if group.config_map_ref is not None:
            yield Named("ConfigMap", group.config_map_ref.name, where)


def _key(kind: Literal["Secret", "ConfigMap"], selector: KeySelector, where: str) -> Named:
    return Named(kind, selector.name, where, selector.key, selector.optional)


def contents_digest(named: tuple[Named, ...], found: Found) -> str | Unavailable:
    """One digest over all that is named; empty where nothing is. What is missing although a pod needs it, or cannot be
    read, is said with the field that names it."""
    parts: list[list[object]] = []
    for one in named:
        values = found.get((one.kind, one.name))
        if isinstance(values, Unavailable):
            return Unavailable(values.reason, f"{one.where}: {values.message}", values.since)
        problem = _problem(one, values)
        if problem:
            return Unavailable(MISSING, f"{problem}, which {one.where} names: create it, or mend the field")
        counted = dict(values or {}) if not one.key else {k: v for k, v in (values or {}).items() if k == one.key}
        parts.append([one.kind, one.name, one.key, counted])
    return short_hash(parts) if parts else ""


def _problem(one: Named, values: Mapping[str, str] | None) -> str:
    if one.optional:
        return ""
    if values is None:
        return f"there is no {one.kind} {one.name}"
    return f"{one.kind} {one.name} lacks the key {one.key}" if one.key and one.key not in values else ""
