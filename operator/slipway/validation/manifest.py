"""One manifest: its kind, its name, its structure, and then what the structure cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from slipway.api.support import inactive_fields
from slipway.api.v1alpha1 import KINDS as _ALL
from slipway.api.v1alpha1.base import API_VERSION, GROUP
from slipway.api.v1alpha1.kind import Kind
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.validation import schema
from slipway.validation.batch import check_batch
from slipway.validation.findings import Finding, Location, error, note, warning
from slipway.validation.retrain import check_retrain
from slipway.validation.rollout import check_rollout
from slipway.validation.task import check_task
from slipway.validation.template import check_template
from slipway.validation.training import check_training

KINDS: Mapping[str, Kind] = {kind.kind: kind for kind in _ALL}
_PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")


def check(manifest: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Everything wrong with a whole manifest."""
    kind, findings = _kind(manifest)
    if kind is None:
        return tuple(findings)
    findings += _metadata(kind, manifest.get("metadata"))
    findings += _host(kind, manifest)
    findings += [error((key,), f"unknown field; legal: {', '.join(_TOP)}") for key in sorted(set(manifest) - set(_TOP))]
    if "spec" not in manifest:
        return (*findings, error(("spec",), f"is required: {kind.spec.__doc__}"))
    return (*findings, *check_spec(kind.kind, manifest["spec"])[1])


def check_spec(kind: str, spec: Any) -> tuple[BaseModel | None, tuple[Finding, ...]]:
    """The spec as its model (None when its structure is wrong), and what is wrong or odd with it."""
    model, findings = schema.read(KINDS[kind].spec, spec, ("spec",))
    if model is None:
        return None, tuple(findings)
    return model, (*findings, *_semantics(model), *_inactive(kind, spec))


def _semantics(model: BaseModel) -> Iterator[Finding]:
    if isinstance(model, ModelRolloutSpec):
        yield from check_rollout(model)
    elif isinstance(model, ModelTaskSpec):
        yield from check_batch(model)
        yield from check_task(model)
    elif isinstance(model, RetrainPolicySpec):
        yield from check_retrain(model)
    elif isinstance(model, TrainingRunSpec):
        yield from check_training(model)
    elif isinstance(model, MetricTemplateSpec):
        yield from check_template(model)


def _inactive(kind: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    for field in inactive_fields(kind, spec):
        state = (
            "acted on only in part by this version" if field.partly else "accepted, but not acted on by this version"
        )
        say = note if field.compulsory else warning
        yield say(_location(field.path, {"spec": spec}), f"{state}: {field.note}")


def _location(path: str, value: Any) -> Location:
    """A path such as spec.stages[ab].abTest, whose list entries are named, as a location in the value."""
    location: list[str | int] = []
    for bracketed, plain in _PART.findall(path):
        part: str | int = bracketed or plain
        if bracketed and isinstance(value, Sequence):
            part = _index(value, bracketed)
        location.append(part)
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, Sequence) and isinstance(part, int) else None
    return tuple(location)


def _index(entries: Sequence[Any], label: str) -> int:
    named = (index for index, each in enumerate(entries) if isinstance(each, Mapping) and each.get("name") == label)
    return next(named, int(label) if label.isdigit() else 0)


def _kind(manifest: Mapping[str, Any]) -> tuple[Kind | None, list[Finding]]:
    version, name = manifest.get("apiVersion"), manifest.get("kind")
    found = KINDS.get(name) if isinstance(name, str) else None
    if found is None:
        return None, [error(("kind",), f"{name!r} is no kind of {GROUP}; legal: {', '.join(KINDS)}")]
    if version != API_VERSION:
        return None, [error(("apiVersion",), f"{version!r} must be {API_VERSION!r}")]
    return found, []


def _metadata(kind: Kind, metadata: Any) -> list[Finding]:
    if not isinstance(metadata, Mapping) or not (metadata.get("name") or metadata.get("generateName")):
        return [error(("metadata", "name"), "is required: the name of the object")]
    name = str(metadata.get("name") or metadata["generateName"])
    if len(name) > kind.longest_name or "." in name:
        return [error(("metadata", "name"), kind.name_rule.message)]
    return []


def _host(kind: Kind, manifest: Mapping[str, Any]) -> list[Finding]:
    """What only requests need: a spec without traffic is of a task that scores batches."""
    metadata, spec = manifest.get("metadata"), manifest.get("spec")
    if not isinstance(metadata, Mapping) or not isinstance(spec, Mapping) or not spec.get("traffic"):
        return []
    problem = kind.host_problem(str(metadata.get("name") or ""), str(metadata.get("namespace") or ""))
    return [error(("metadata", "name"), problem)] if problem else []
