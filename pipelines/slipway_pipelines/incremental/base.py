"""The version that a run continues: fetched, checked against its digest, and against what the task is today."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from slipway.api.v1alpha1.fingerprints import DEFINITIONS_TAG, Fingerprints
from slipway.features.decision import DECISION, Decision, DecisionError, read_decision
from slipway.features.definitions import FORMAT, definitions
from slipway.features.tags import of_tags

from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import Frozen
from slipway_pipelines.faults import DataFault
from slipway_pipelines.incremental.lineage import LINEAGE, Lineage, LineageError, Version
from slipway_pipelines.incremental.unpickle import Unreadable, read_pipeline
from slipway_pipelines.model_directory import MODEL, PROFILE, digest
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.tracking import Tracking

REMEDY = "train in full: a TrainingRun without spec.incremental; a policy with mode Incremental does so by itself"

# Parameters by which a fit looks at all rows, and the values that do.
_WHOLE: Mapping[str, Callable[[Any], bool]] = {
    "early_stopping": bool,
    "solver": lambda value: value == "lbfgs",
    "class_weight": lambda value: value == "balanced",
}


@dataclass(frozen=True)
class Base:
    """A version that can be continued. `profile` is its reference profile."""

    version: Version
    model: Frozen
    profile: Mapping[str, Any]
    decision: Decision
    lineage: Lineage


def load_base(tracking: Tracking, request: TrainingRequest, scratch: Path) -> Base:
    """Fetches and checks the base.

    Raises:
        DataFault: there is no such version, it is not what it was, or the task means something else today.
        TransientFault: MLflow stayed away.
    """
    assert request.spec.incremental is not None
    name, _, number = request.spec.incremental.base.removeprefix("models:/").partition("/")
    tags, directory = _fetched(tracking, name, number, scratch)
    version = Version(name, number, tags.get("slipway.digest", ""))
    _check_task(request, version, tags)
    try:
        lineage = Lineage.read((directory / LINEAGE).read_text())
        profile = json.loads((directory / PROFILE).read_text())
        decision = read_decision((directory / DECISION).read_text())
        pipeline = read_pipeline(directory / MODEL)
    except (OSError, ValueError, LineageError, DecisionError, Unreadable) as error:
        message = f"{version.uri} cannot be continued: {_why(error)}; {REMEDY}"
        raise DataFault("BaseNotContinuable", message) from error
    _check_estimator(request, version, pipeline, lineage)
    return Base(version, _frozen(request, version, pipeline, profile, decision), profile, decision, lineage)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"it has no {Path(str(error.filename)).name}: no training of this version with a timestamp made it"
    return str(error)


def _fetched(tracking: Tracking, name: str, number: str, scratch: Path) -> tuple[Mapping[str, str], Path]:
    try:
        run, tags = tracking.version(name, number)
        directory = tracking.model(run, scratch)
    except DataFault as fault:
        message = f"spec.incremental.base is models:/{name}/{number}, and {fault.message}; {REMEDY}"
        raise DataFault("BaseNotFound", message) from fault
    held = digest(directory)
    if held != tags.get("slipway.digest"):
        message = (
            f"models:/{name}/{number} was registered with the digest {tags.get('slipway.digest', 'none')}, and its "
            f"files have {held}: they are not what was evaluated; {REMEDY}"
        )
        raise DataFault("BaseChanged", message)
    return tags, directory


def _check_task(request: TrainingRequest, version: Version, tags: Mapping[str, str]) -> None:
    """Features must mean today what they meant to the base: encoders and columns are its own."""
    if tags.get("slipway.task") != request.spec.task_ref.name:
        message = f"{version.uri} was trained for task {tags.get('slipway.task', 'none')!r}; {REMEDY}"
        raise DataFault("TaskChanged", message)
    try:
        known = Fingerprints.model_validate_json(of_tags(DEFINITIONS_TAG, tags))
    except ValidationError as error:
        raise DataFault("BaseNotContinuable", f"{version.uri} has no feature definitions; {REMEDY}") from error
    today = {one.name: one.digest for one in definitions(request.task)}
    changed = sorted(name for name in {*today, *known.digests} if today.get(name) != known.digests.get(name))
    if known.format != FORMAT or changed:
        named = ", ".join(changed[:10]) or "all, by another version of fingerprints"
        message = f"{version.uri} was trained under other definitions than the task has now, of {named}; {REMEDY}"
        raise DataFault("FeatureDefinitionChanged", message)


def _check_estimator(request: TrainingRequest, version: Version, pipeline: Any, lineage: Lineage) -> None:
    asked = build_estimator(
        request.task.type, str(request.estimator), dict(request.spec.parameters), request.seeds.estimator
    )
    found = pipeline[-1]
    if type(found) is not type(asked):
        message = (
            f"{version.uri} is a {lineage.estimator} ({type(found).__name__}), and spec.trainer.builtIn.estimator is "
            f"{request.estimator}; {REMEDY}"
        )
        raise DataFault("EstimatorChanged", message)
    wanted, held = asked.get_params(deep=False), found.get_params(deep=False)
    changed = sorted(name for name in request.spec.parameters if wanted[name] != held[name])
    if changed:
        said = ", ".join(f"{name} {held[name]} -> {wanted[name]}" for name in changed)
        message = f"parameters of {version.uri} stay as they are, and spec.parameters has {said}; {REMEDY}"
        raise DataFault("ParametersChanged", message)
    if whole := [f"{name}={held[name]}" for name, needs in _WHOLE.items() if name in held and needs(held[name])]:
        message = f"{version.uri} was fitted with {', '.join(whole)}, which needs all rows at once; {REMEDY}"
        raise DataFault("BaseNotContinuable", message)


def _frozen(
    request: TrainingRequest, version: Version, pipeline: Any, profile: Mapping[str, Any], decision: Decision
) -> Frozen:
    """The base as it answers: threshold and calibration are its own, rules are the task's, which the fingerprints
    have found unchanged."""
    task = request.task
    classes = tuple(str(name) for name in profile.get("classes", ()))
    binary = task.type == "BinaryClassification" and task.label.positive is not None
    positive = task.label.positive if binary else None
    differs = profile.get("type") != task.type or profile.get("positive") != positive
    if differs or classes != _classes(task.type, getattr(pipeline[-1], "classes_", ())):
        message = (
            f"{version.uri} answers {profile.get('type')} with {', '.join(classes) or 'numbers'}, and the task asks "
        )
        raise DataFault("TaskChanged", f"{message}{task.type} with positive {positive}; {REMEDY}")
    return Frozen(
        pipeline, request.columns, task.type, classes, positive, decision.threshold, decision.calibration,
        request.served_rules,
    )  # fmt: skip


def _classes(task_type: str, fitted: Iterable[object]) -> tuple[str, ...]:
    return () if task_type == "Regression" else tuple(str(name) for name in fitted)
