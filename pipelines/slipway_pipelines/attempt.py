"""The sequence of one attempt. Each step is a module of its own; here they only follow one another."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway_pipelines import record
from slipway_pipelines.acquire import Acquired, acquire
from slipway_pipelines.calibrate import fit_calibration
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import Evaluation, Frozen, evaluate, freeze
from slipway_pipelines.faults import DataFault, Fault
from slipway_pipelines.fit import build_pipeline, fit
from slipway_pipelines.model_directory import save
from slipway_pipelines.request import TrainingRequest, read_request
from slipway_pipelines.rules import check_answers
from slipway_pipelines.split import Splits, split
from slipway_pipelines.steps import Steps
from slipway_pipelines.threads import threads_for
from slipway_pipelines.threshold import DEFAULT
from slipway_pipelines.tracking import Tracking
from slipway_pipelines.validate import validate

_MOST_BYTES = 1 << 30  # of a source after gunzip; the table takes a few times that in memory


@dataclass
class _Context:
    """What the steps share."""

    request: TrainingRequest
    tracking: Tracking
    steps: Steps
    estimator: Any
    run: str = ""
    warnings: tuple[str, ...] = field(default=())


def attempt(environment: Mapping[str, str], steps: Steps) -> dict[str, Any]:
    """Runs all steps and returns the report. A model that an earlier, killed pod registered is found, not made again.

    Raises:
        Fault: as `train` turns into an exit code.
    """
    with steps.step("start"):
        context = _context(environment, steps)
        done = _registered_before(context)
        if done is not None:
            return done
        context.run = context.tracking.start(*record.run_identity(context.request))
    try:
        with steps.step("acquire"):
            most = int(environment.get("SLIPWAY_MOST_BYTES", _MOST_BYTES))
            source = acquire(context.request.uri, context.request.columns, most)
        return _from_data(context, source)
    except BaseException as error:
        _close(context, "KILLED" if getattr(error, "reason", "") == "Terminated" else "FAILED")
        raise


def _context(environment: Mapping[str, str], steps: Steps) -> _Context:
    request = read_request(environment)
    parameters = dict(request.spec.parameters)
    estimator = build_estimator(request.task.type, request.estimator, parameters, request.seeds.estimator)
    uri = environment.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise DataFault("MLflowNotConfigured", "MLFLOW_TRACKING_URI is not set: the installation names no MLflow")
    return _Context(request, Tracking(uri), steps, estimator)


def _registered_before(context: _Context) -> dict[str, Any] | None:
    register = context.request.spec.registration
    if register is None:
        return None
    found = context.tracking.finished(register.model, context.request.uid)
    if found is None:
        return None
    version, report = found
    if report["evaluation"] == record.PASSED:
        context.tracking.set_alias(register.model, register.alias, version)
    context.tracking.end(report["runId"], "FINISHED")
    return {**report, "version": version}


def _from_data(context: _Context, source: Acquired) -> dict[str, Any]:
    request, steps = context.request, context.steps
    columns = request.columns
    with steps.step("validate"):
        table = validate(source.table, columns, request.task.type, request.task.label.positive)
    with steps.step("split"):
        parts = split(table, columns, request.split_plan)
    with threads_for(table):
        with steps.step("train"):
            pipeline = build_pipeline(columns, context.estimator)
            context.warnings = fit(pipeline, parts.train, columns)
            model = _decided(request, pipeline, parts)
        with steps.step("evaluate"):
            model = freeze(model, parts.validation, request.criteria)
            evaluation = evaluate(model, parts.validation, parts.test, request.criteria, request.seeds.bootstrap)
    return _kept(context, source, parts, model, evaluation)


def _decided(request: TrainingRequest, pipeline: Any, parts: Splits) -> Frozen:
    """The fitted pipeline with its rules and its calibration; the threshold is still to be chosen."""
    task, columns = request.task, request.columns
    classes = () if task.type == "Regression" else tuple(str(name) for name in pipeline.classes_)
    check_answers(request.rules, classes)
    if task.type != "BinaryClassification" or task.label.positive is None:
        return Frozen(pipeline, columns, task.type, classes, None, None, rules=request.rules)
    positive, calibration, by_time = task.label.positive, None, request.spec.data.split.by == "Time"
    if task.calibration is not None:
        calibration = fit_calibration(task.calibration.method, pipeline, parts.train, columns, positive, by_time)
    return Frozen(pipeline, columns, task.type, classes, positive, DEFAULT, calibration, request.rules)


def _kept(context: _Context, source: Acquired, parts: Splits, model: Frozen, evaluation: Evaluation) -> dict[str, Any]:
    """Logs, uploads and registers. The version comes last: one that exists is complete."""
    request, tracking, steps = context.request, context.tracking, context.steps
    with tempfile.TemporaryDirectory() as scratch:
        with steps.step("log"):
            directory = Path(scratch) / "model"
            profile = record.profile(request, parts, model, evaluation)
            decision = record.decision(request, model).document()
            digest = save(model.pipeline, directory, request.columns, request.task.type, profile, decision)
            report = record.report(context.run, request, source, evaluation, digest)
            tracking.log(
                context.run,
                record.params(request, source, parts, model, context.warnings),
                record.metrics(evaluation, steps.seconds),
            )
            tracking.upload(context.run, directory, report)
        register = request.spec.registration
        with steps.step("register"):
            if register is not None:
                tags = record.version_tags(request, evaluation, digest, decision["digest"])
                report["version"] = tracking.register(context.run, register.model, tags)
                if evaluation.passed:
                    tracking.set_alias(register.model, register.alias, report["version"])
            tracking.end(context.run, "FINISHED")
    return record.with_steps(report, steps.seconds)


def _close(context: _Context, status: str) -> None:
    try:
        context.tracking.end(context.run, status)
    except Fault as fault:  # the fault that brought us here is the one to tell
        print(f"the MLflow run {context.run} stays open: {fault.message}", file=sys.stderr, flush=True)
