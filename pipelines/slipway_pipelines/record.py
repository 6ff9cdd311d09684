"""What is written down about an attempt: tags, parameters, metrics, the profile and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway_pipelines.choosing import Chosen
from slipway_pipelines.context import Context
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.data.said import conditions
from slipway_pipelines.environment import environment
from slipway_pipelines.evaluate import Evaluation, Frozen
from slipway_pipelines.plots import line_plot
from slipway_pipelines.profile import feature_references, prediction_reference, slice_values
from slipway_pipelines.reference import Justification
from slipway_pipelines.report import criterion_entries, metric_entries, number, step_entries
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.split import Splits
from slipway_pipelines.stopping import Fitted

if TYPE_CHECKING:
    from slipway_pipelines.function.client import Code

PASSED, FAILED = "passed", "failed"
STOPPED = "stopped"
"""No model was trained, since the rules alone meet the criteria."""

_LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Told:
    """What an attempt found beside the model: whether one is needed, and how often its test rows have been opened."""

    justified: Justification
    openings: int
    chosen: Chosen
    fitted: Fitted


def run_identity(request: TrainingRequest, made_by: Code | None) -> tuple[str, str, dict[str, str]]:
    """Experiment, run name and run tags."""
    return experiment(request), request.name, _tags(request) | (made_by.origin.tags() if made_by is not None else {})


def experiment(request: TrainingRequest) -> str:
    """MLflow's experiment of a task."""
    return f"{request.namespace}/{request.spec.task_ref.name}"


def _tags(request: TrainingRequest) -> dict[str, str]:
    return {
        "slipway.run": request.run,
        "slipway.uid": request.uid,
        "slipway.task": request.spec.task_ref.name,
        "slipway.cause": request.spec.cause,
    }


def version_tags(request: TrainingRequest, evaluation: Evaluation, digest: str, decision: str) -> dict[str, str]:
    """Tags of the model version: what a rollout reads to decide whether it may be served, and two digests.

    `slipway.digest` covers all files, `slipway.decision` the decision layer among them alone.
    """
    digests = {"slipway.digest": digest, "slipway.decision": decision}
    return _tags(request) | digests | {"slipway.evaluation": verdict(evaluation)}


def params(context: Context, prepared: Prepared, model: Frozen, fitted: Fitted) -> dict[str, Any]:
    """All hyperparameters, defaults included, and all else that repeats the run: code, data, rows, seeds, versions."""
    request = context.request
    seeds, source, parts = request.seeds, prepared.source, prepared.parts
    known = {
        "estimator": request.estimator or model.pipeline[-1].name,
        "seed": request.spec.seed,
        "seed.split": seeds.split,
        "seed.estimator": seeds.estimator,
        "seed.bootstrap": seeds.bootstrap,
        "seed.search": seeds.search,
        "data.uri": source.uri,
        "data.digest": source.digest,
        "data.bytes": source.size,
        "data.rows": prepared.rows,
        "data.rows_left_out": prepared.rows - sum(parts.rows.values()),
        "split.by": request.spec.data.split.by,
        "threshold": model.threshold,
        "calibration": model.calibration.method if model.calibration is not None else None,
        "code.image": request.image,
        "net_value.unit": request.task.value.unit if request.task.value is not None else None,
        **environment(),
    }
    if "labels.digest" in prepared.record.facts:
        known["data.labels.digest"] = prepared.record.facts["labels.digest"]
    known |= {f"data.source.{one.name}.origin": one.origin or "undeclared" for one in request.sources}
    known |= {f"data.source.{one.name}.exposure": one.exposure_note for one in request.sources if one.exposure_note}
    known |= {f"split.{name}.rows": rows for name, rows in parts.rows.items()}
    known |= {f"warning.{number}": text for number, text in enumerate(fitted.warnings)}
    known |= {"iterations": fitted.iterations} if fitted.iterations is not None else {}
    if context.code is not None:
        known |= context.code.params(model.pipeline[-1].parameters)
    return known | _hyperparameters(model.pipeline)


def choice(request: TrainingRequest, chosen: Chosen) -> dict[str, Any]:
    """How the parameters were chosen."""
    primary, known = request.task.metrics.primary, {"folds": chosen.folds}
    if chosen.search is None or request.spec.tuning is None:
        return {**known, "search.trials": 0}
    tuning = request.spec.tuning
    return {
        **known,
        "search.algorithm": tuning.algorithm,
        "search.metric": primary,
        "search.trials": len(chosen.search.trials),
        "search.parallelism": tuning.parallelism,
        "search.reproducible": tuning.parallelism == 1,
        "search.best_trial": chosen.search.best.number,
    }


def search_metrics(chosen: Chosen) -> dict[str, float]:
    """What folds and search measured: the primary metric on rows that the fits have not seen."""
    if chosen.search is not None:
        found = chosen.search
        out = {"search.default": found.default.value, "search.best": found.best.value, "search.gain": found.gain}
    else:
        out = {"cross_validation.mean": chosen.value}
        out |= {f"cross_validation.fold.{number}": value for number, value in enumerate(chosen.values)}
    return {name: value for name, value in out.items() if math.isfinite(value)}


def _searched(request: TrainingRequest, chosen: Chosen) -> dict[str, Any]:
    """What the operator is told of a search."""
    found, tuning = chosen.search, request.spec.tuning
    if found is None or tuning is None:
        return {}
    told = {
        "algorithm": tuning.algorithm,
        "runs": len(found.trials) - 1,
        "folds": chosen.folds,
        "done": len(found.trials),
        "default": number(found.default.value),
        "best": number(found.best.value),
        "gain": number(found.gain),
        "parameters": dict(found.best.parameters),
    }
    return {"search": told}


def _hyperparameters(pipeline: Any) -> dict[str, Any]:
    """Every plain value of the pipeline; the nested objects appear through their own parameters."""
    plain = (str, int, float, bool, type(None))
    return {name: value for name, value in pipeline.get_params().items() if isinstance(value, plain)}


def seconds(steps: Mapping[str, float]) -> dict[str, float]:
    """The seconds of the steps so far, as MLflow's metrics."""
    return {f"seconds.{name}": value for name, value in steps.items()}


def profile(request: TrainingRequest, parts: Splits, model: Frozen, evaluation: Evaluation) -> dict[str, Any]:
    """The reference profile: features from training rows, predictions from held-out rows."""
    task = request.task
    return {
        "task": request.spec.task_ref.name,
        "type": task.type,
        "id": task.id,
        "entity": task.entity,
        "features": feature_references(parts.train, request.columns),
        "rows": len(parts.train),
        "classes": list(model.classes),
        "positive": model.positive,
        "slices": slice_values(parts.train, request.columns, task.slices.columns if task.slices is not None else ()),
        "predictions": prediction_reference(evaluation.rows, model.classes),
    }


def stopped(run: str, request: TrainingRequest, prepared: Prepared, justified: Justification) -> dict[str, Any]:
    """What the operator is told where no model was trained."""
    told = {"runId": run, "version": "", **_of_data(request, prepared), "evaluation": STOPPED}
    return told | {"justified": _justified(justified)}


def helped(pod: int, steps: Mapping[str, float]) -> dict[str, Any]:
    """What a pod tells that only shared the search."""
    return with_steps({"pod": pod}, steps)


def curves(told: Told) -> dict[str, list[tuple[int, float]]]:
    """Learning curves, step by step, by the name of their metric in MLflow."""
    curve = told.fitted.curve
    found = {
        f"curve.{side}.{curve.metric}": [(point[0], point[1 + index]) for point in curve.points]
        for index, side in enumerate(("train", "validation"))
    }
    if told.chosen.search is not None:
        found["curve.search"] = [(one.number, one.value) for one in told.chosen.search.trials]
    return {name: kept for name, points in found.items() if (kept := [p for p in points if math.isfinite(p[1])])}


def pictures(told: Told) -> dict[str, str]:
    """The curves as pictures, by the path of the artifact."""
    curve = told.fitted.curve
    sides = {side: [(p[0], p[1 + index]) for p in curve.points] for index, side in enumerate(("train", "validation"))}
    found = {"plots/learning_curve.svg": line_plot("Learning curve", curve.unit, curve.metric, sides)}
    if told.chosen.search is not None:
        tried = {"trials": [(one.number, one.value) for one in told.chosen.search.trials]}
        found["plots/search.svg"] = line_plot("Search", "trial", "primary metric", tried)
    return found


def _justified(found: Justification) -> dict[str, str]:
    return {"status": found.status, "reason": found.reason, "message": found.message[:_LONGEST_MESSAGE]}


def _of_data(request: TrainingRequest, prepared: Prepared) -> dict[str, Any]:
    return {
        "dataDigest": prepared.source.digest,
        "rows": {"read": prepared.rows, **prepared.parts.rows, "novel": int(prepared.parts.novel.sum())},
        "conditions": conditions(prepared, request.task),
        "noise": str(prepared.record.facts.get("noise", "")),
    }


def report(
    run: str, request: TrainingRequest, prepared: Prepared, evaluation: Evaluation, digest: str, told: Told
) -> dict[str, Any]:
    """What the operator is told; version and steps are added once they exist."""
    wanted = request.task.metrics
    return {
        "runId": run,
        "version": "",
        "modelDigest": digest,
        **_of_data(request, prepared),
        "evaluation": verdict(evaluation),
        "openings": told.openings,
        "justified": _justified(told.justified),
        **_searched(request, told.chosen),
        "criteria": criterion_entries(evaluation.verdicts),
        "metrics": metric_entries(evaluation.test, evaluation.validation, (wanted.primary, *wanted.also)),
    }


def with_steps(told: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, Any]:
    """The report with the seconds of the steps that came after it was first written."""
    return {**told, "steps": step_entries(seconds)}


def verdict(evaluation: Evaluation) -> str:
    """How reports and tags call it."""
    return PASSED if evaluation.passed else FAILED
