"""Manifests that belong together, as a repository holds them: what one of them says about another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.api.v1alpha1.abtest import DECIDING
from slipway.api.v1alpha1.gates import bare_metric
from slipway.api.v1alpha1.metrics import MATURED_BY_TYPE, PAIRED, QUALITY, SERVING, quality_names
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.scalars import Duration
from slipway.validation.batch import without_requests
from slipway.validation.findings import Finding, Location, error, warning
from slipway.validation.manifest import check_spec
from slipway.validation.rollout import all_gates

Manifest = Mapping[str, Any]


def check_together(manifests: Sequence[Manifest]) -> Iterator[tuple[int, Finding]]:
    """Findings with the index of the manifest that they are about; manifests wrong by themselves are left out."""
    tasks = {_key(each): each["spec"] for each in manifests if _is(each, "ModelTask") and _typed(each)}
    rollouts = {_key(each): each for each in manifests if _is(each, "ModelRollout")}
    for index, each in enumerate(manifests):
        if _is(each, "ModelRollout"):
            for finding in _rollout(each, tasks):
                yield index, finding
        elif _is(each, "RetrainPolicy"):
            for finding in _policy(each, rollouts):
                yield index, finding


def _is(manifest: Manifest, kind: str) -> bool:
    return manifest.get("kind") == kind and isinstance(manifest.get("spec"), Mapping)


def _typed(manifest: Manifest) -> bool:
    return manifest["spec"].get("type") in QUALITY


def _key(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):  # told where the manifest is looked at by itself
        return "", ""
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _rollout(manifest: Manifest, tasks: Mapping[tuple[str, str], Manifest]) -> Iterator[Finding]:
    model, _ = check_spec("ModelRollout", manifest["spec"])
    if not isinstance(model, ModelRolloutSpec):
        return
    task = tasks.get((_key(manifest)[0], model.task_ref.name))
    if task is None:
        return
    if _at(task, "serving", "mode") == "Batch":
        yield from without_requests(model)
    elif model.traffic is None:
        yield error(("spec", "traffic"), f"is required: ModelTask {model.task_ref.name!r} has serving.mode Inline")
    yield from _experiments(model, task)
    if _at(task, "serving", "mode") != "Batch":
        yield from _probation(model, task)
    kind = str(task["type"])
    legal = QUALITY[kind]
    for location, metric in _metrics(model):
        if bare_metric(metric) in quality_names() and bare_metric(metric) not in legal:
            yield error(
                location,
                f"{metric!r} is no metric of a {kind} (the type of ModelTask {model.task_ref.name!r}); legal:"
                f" {', '.join((*SERVING, *PAIRED, *legal))}",
            )


def _experiments(spec: ModelRolloutSpec, task: Manifest) -> Iterator[Finding]:
    """What decides an experiment must be counted by analysis cluster."""
    named = [each for each in task.get("businessMetrics") or () if isinstance(each, Mapping)]
    business = {str(each.get("name")): str(each.get("better", "Higher")) for each in named}
    for number, stage in enumerate(spec.stages):
        metric = stage.ab_test.metric if stage.ab_test is not None else None
        location = ("spec", "stages", number, "abTest", "metric")
        if metric is None or metric in quality_names():  # those are accepted, and come with the labels
            continue
        if metric not in (*DECIDING, *business):
            yield error(location, f"{metric!r} cannot decide; legal: {', '.join((*DECIDING, *business))}")
        elif stage.ab_test is not None and stage.ab_test.better != business.get(metric, stage.ab_test.better):
            yield warning(
                (*location[:-1], "better"), f"the task says of {metric} that {business[metric]} is better: one is wrong"
            )
        elif metric == "mean_score" and task["type"] != "BinaryClassification":
            yield error(location, f"mean_score is that of a BinaryClassification; the task is a {task['type']}")


def _probation(spec: ModelRolloutSpec, task: Manifest) -> Iterator[Finding]:
    """What its labels must give, so that it can end by them."""
    limit, name = spec.promotion.probation, spec.task_ref.name
    if limit is None:
        return
    place = ("spec", "promotion", "probation")
    if spec.prediction_log is None:
        yield error(place, "judges logged predictions: set spec.predictionLog")
    legal = MATURED_BY_TYPE.get(str(task["type"]), ())
    if limit.metric not in legal:
        named = f"legal: {', '.join(legal)}" if legal else "there is none for such a task yet"
        yield error(
            (*place, "metric"), f"labels give no {limit.metric} of a {task['type']} (ModelTask {name!r}); {named}"
        )
    contract, _ = check_spec("ModelTask", task)
    if not isinstance(contract, ModelTaskSpec):
        return
    source, keep = contract.label.source, spec.promotion.keep_previous
    if source is None:
        yield error(place, f"ModelTask {name!r} does not say where labels come from: set its spec.label.source")
    elif source.sql is None and not contract.id:
        yield error(place, f"labels from files are joined by the event's id: set spec.id of ModelTask {name!r}")
    takes = contract.label.matured_after
    if takes >= keep.at_most.timedelta:
        yield error(
            ("spec", "promotion", "keepPrevious", "atMost"),
            f"{keep.at_most} is over before a label has matured: ModelTask {name!r} gives them"
            f" {Duration.of(takes.total_seconds())} (label.maturity), so that no probation would see one; make it"
            " longer",
        )


def _metrics(spec: ModelRolloutSpec) -> Iterator[tuple[Location, str]]:
    for location, gate in all_gates(spec):
        if gate.metric is not None:
            yield (*location, "metric"), gate.metric


def _policy(manifest: Manifest, rollouts: Mapping[tuple[str, str], Manifest]) -> Iterator[Finding]:
    spec = manifest["spec"]
    name = _at(spec, "rolloutRef", "name")
    rollout = rollouts.get((_key(manifest)[0], str(name)))
    served = _at(rollout, "spec", "taskRef", "name") if rollout else None
    trained = _at(spec, "runTemplate", "spec", "taskRef", "name")
    if served and trained and served != trained:
        yield error(
            ("spec", "runTemplate", "spec", "taskRef", "name"),
            f"{trained!r} is not the task of ModelRollout {name!r}, {served!r}: its runs would never be served",
        )
    model = _at(rollout, "spec", "model", "mlflow", "name") if rollout else None
    registered = _at(spec, "runTemplate", "spec", "register", "model")
    if model and registered and model != registered:
        yield warning(
            ("spec", "runTemplate", "spec", "register", "model"),
            f"{registered!r} is not the model that ModelRollout {name!r} serves, which is {model!r}",
        )


def _at(value: Any, *path: str) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
