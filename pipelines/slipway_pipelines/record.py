"""What is written down about an attempt: tags, parameters, metrics, the profile and the report."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping
from typing import Any

from slipway.features.decision import Decision, RuleText

from slipway_pipelines.acquire import Acquired
from slipway_pipelines.evaluate import Evaluation, Frozen
from slipway_pipelines.profile import feature_references, prediction_reference, slice_values
from slipway_pipelines.report import criterion_entries, metric_entries, step_entries
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.split import Splits

PASSED, FAILED = "passed", "failed"
_LIBRARIES = ("scikit-learn", "numpy", "pandas", "scipy", "mlflow-skinny")


def run_identity(request: TrainingRequest) -> tuple[str, str, dict[str, str]]:
    """Experiment, run name and run tags."""
    return f"{request.namespace}/{request.spec.task_ref.name}", request.name, _tags(request)


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
    return _tags(request) | digests | {"slipway.evaluation": _verdict(evaluation)}


def params(
    request: TrainingRequest, source: Acquired, parts: Splits, model: Frozen, warnings: tuple[str, ...]
) -> dict[str, Any]:
    """All hyperparameters, defaults included, and all else that repeats the run: data, rows, seeds, versions."""
    seeds = request.seeds
    known = {
        "estimator": request.estimator,
        "seed": request.spec.seed,
        "seed.split": seeds.split,
        "seed.estimator": seeds.estimator,
        "seed.bootstrap": seeds.bootstrap,
        "data.uri": source.uri,
        "data.digest": source.digest,
        "data.bytes": source.size,
        "data.rows": len(source.table),
        "data.rows_without_label": len(source.table) - sum(parts.rows.values()),
        "split.by": request.spec.data.split.by,
        "threshold": model.threshold,
        "calibration": model.calibration.method if model.calibration is not None else None,
        "python": platform.python_version(),
    }
    known |= {f"split.{name}.rows": rows for name, rows in parts.rows.items()}
    known |= {f"version.{name}": importlib.metadata.version(name) for name in _LIBRARIES}
    known |= {f"warning.{number}": text for number, text in enumerate(warnings)}
    return known | _hyperparameters(model.pipeline)


def _hyperparameters(pipeline: Any) -> dict[str, Any]:
    """Every plain value of the pipeline; the nested objects appear through their own parameters."""
    plain = (str, int, float, bool, type(None))
    return {name: value for name, value in pipeline.get_params().items() if isinstance(value, plain)}


def metrics(evaluation: Evaluation, seconds: Mapping[str, float]) -> dict[str, float]:
    """Numbers for MLflow: metrics with their 95% intervals, and the seconds of the steps so far."""
    out = {f"seconds.{name}": value for name, value in seconds.items()}
    out |= {f"validation.{name}": value for name, value in evaluation.validation.items()}
    for name, found in evaluation.test.items():
        low, high = found.interval()
        out |= {f"test.{name}": found.value, f"test.{name}.low": low, f"test.{name}.high": high}
    return {name: value for name, value in out.items() if math.isfinite(value)}


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


def decision(request: TrainingRequest, model: Frozen) -> Decision:
    """The decision layer: threshold, calibration, and the rules that answer before the model, as they were written."""
    written = request.task.rules.when if request.task.rules is not None else ()
    texts = {one.name: one.condition for one in written}
    rules = tuple(RuleText(one.name, texts[one.name], one.predict) for one in model.rules)
    return Decision(model.threshold, model.calibration, rules)


def report(run: str, request: TrainingRequest, source: Acquired, evaluation: Evaluation, digest: str) -> dict[str, Any]:
    """What the operator is told; version and steps are added once they exist."""
    wanted = request.task.metrics
    return {
        "runId": run,
        "version": "",
        "modelDigest": digest,
        "dataDigest": source.digest,
        "evaluation": _verdict(evaluation),
        "criteria": criterion_entries(evaluation.verdicts),
        "metrics": metric_entries(evaluation.test, evaluation.validation, (wanted.primary, *wanted.also)),
    }


def with_steps(told: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, Any]:
    """The report with the seconds of the steps that came after it was first written."""
    return {**told, "steps": step_entries(seconds)}


def _verdict(evaluation: Evaluation) -> str:
    return PASSED if evaluation.passed else FAILED
