"""From rows to a registered model: references, the fit, what is frozen, the one look at the test rows, the record."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway_pipelines import answering, measured, record
from slipway_pipelines.calibrate import fit_calibration
from slipway_pipelines.card import PATH as CARD
from slipway_pipelines.card import card
from slipway_pipelines.choosing import choose
from slipway_pipelines.context import Context
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import Answers, Evaluation, EvaluationPlan, Frozen, evaluate, freeze, judged, unopened
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.incremental.lineage import first_lineage
from slipway_pipelines.inputs import definition_tags, inputs, run_tags
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.model_directory import Documents, save
from slipway_pipelines.openings import sketch
from slipway_pipelines.provable import shortfalls
from slipway_pipelines.reference import (
    LINEAR,
    RULES,
    Justification,
    RuleAnswers,
    justification,
    linear_reference,
    rule_answers,
)
from slipway_pipelines.reproduce import PREDICTIONS, Predictions, reproduced
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.rules import check_answers
from slipway_pipelines.split import Splits
from slipway_pipelines.stopping import fit_stopping
from slipway_pipelines.threshold import DEFAULT

if TYPE_CHECKING:
    from slipway_pipelines.function.client import Built

_TRIED_ROWS = 200
References = Mapping[str, Answers]


def modelled(context: Context, prepared: Prepared) -> dict[str, Any]:
    """The report of an attempt whose rows are split.

    Raises:
        DataFault: the estimator refuses the data, or the test rows have been looked at too often.
        TransientFault: MLflow stayed away.
    """
    request, steps, parts = context.request, context.steps, prepared.parts
    with steps.step("reference"):
        if request.spec.reproduces is None:
            context.tracking.check_openings(request, sketch(parts.test, request.columns))
        rules, justified = _rules(request, parts)
    if rules is not None and request.of_rules:
        context.estimator.set_params(strategy="constant", constant=rules.otherwise)
    elif justified.rules_suffice and request.task.rules is not None and request.task.rules.if_sufficient == "Stop":
        return _stopped(context, prepared, justified)
    with steps.step("tune"):
        chosen = choose(context, record.experiment(request), prepared)
    if chosen is None:
        return record.helped(request.pod, steps.seconds)
    with steps.step("reference"):
        references = _references(request, prepared, rules)
    with steps.step("train"):
        pipeline = build_pipeline(request.columns, context.estimator, prepared.chosen)
        task = request.task
        fitted = fit_stopping(pipeline, parts, request.columns, task.type, task.label.positive, task.metrics.primary)
        model = freeze(_decided(request, pipeline, parts), parts.validation, request.criteria)
    if request.spec.reproduces is not None:
        with steps.step("compare"):
            return reproduced(context, prepared, model, fitted, chosen)
    with steps.step("evaluate"):
        evaluation, openings = _evaluated(context, model, parts, references)
    return _kept(context, prepared, model, evaluation, references, record.Told(justified, openings, chosen, fitted))


def _rules(request: TrainingRequest, parts: Splits) -> tuple[RuleAnswers | None, Justification]:
    import pandas as pd

    task = request.task
    classes = () if task.type == "Regression" else tuple(str(name) for name in parts.train[task.label.column].unique())
    check_answers(request.rules, classes)
    rules = rule_answers(request.rules, parts.train, request.columns, task.type, task.label.positive)
    seen = pd.concat([parts.train, parts.validation], ignore_index=True)
    return rules, justification(rules, seen, request.criteria, request.seeds.bootstrap)


def _stopped(context: Context, prepared: Prepared, justified: Justification) -> dict[str, Any]:
    """The rules alone do: no model is trained, and no test row is looked at."""
    if context.request.pod:
        return record.helped(context.request.pod, context.steps.seconds)
    context.tracking.log(context.run, {"ml_justified": justified.message}, record.seconds(context.steps.seconds))
    context.tracking.end(context.run, "FINISHED")
    return record.with_steps(record.stopped(context.run, context.request, prepared, justified), context.steps.seconds)


def _references(request: TrainingRequest, prepared: Prepared, rules: RuleAnswers | None) -> References:
    task, parts = request.task, prepared.parts
    linear = build_estimator(task.type, "Linear", {}, request.seeds.estimator)
    pipeline = build_pipeline(request.columns, linear, prepared.chosen)
    made = linear_reference(
        pipeline, parts.train, parts.validation, request.columns, task.type, task.label.positive, request.criteria
    )
    found = {RULES: rules, LINEAR: made}
    return {name: each for name, each in found.items() if each is not None}


def _decided(request: TrainingRequest, pipeline: Any, parts: Splits) -> Frozen:
    """The fitted pipeline with its rules and its calibration; the threshold is still to be chosen."""
    task, columns = request.task, request.columns
    classes = () if task.type == "Regression" else tuple(str(name) for name in pipeline.classes_)
    rules = request.served_rules
    if task.type != "BinaryClassification" or task.label.positive is None:
        return Frozen(pipeline, columns, task.type, classes, None, None, rules=rules)
    positive, calibration, by_time = task.label.positive, None, request.spec.data.split.by == "Time"
    if task.calibration is not None:
        calibration = fit_calibration(task.calibration.method, pipeline, parts.train, columns, positive, by_time)
    return Frozen(pipeline, columns, task.type, classes, positive, DEFAULT, calibration, rules)


def _evaluated(context: Context, model: Frozen, parts: Splits, references: References) -> tuple[Evaluation, int]:
    """What the test rows say, and how often they have been opened; they stay closed where they could prove nothing."""
    request = context.request
    wanted = (request.task.metrics.primary, *request.task.metrics.also)
    plan = EvaluationPlan(request.criteria, request.seeds.bootstrap, wanted, references, request.slices)
    if len(parts.validation):
        seen = judged(model, parts.validation, request.columns)
        short = shortfalls(request.criteria, METRICS[request.task.type], seen.rows, seen.clusters, len(parts.test))
        if short:
            return unopened(model, parts, plan, {one.criterion: str(one) for one in short}), 0
    openings = context.tracking.open_test(context.run, request, sketch(parts.test, request.columns))
    return evaluate(model, parts, plan), openings


def _kept(
    context: Context,
    prepared: Prepared,
    model: Frozen,
    evaluation: Evaluation,
    references: References,
    told: record.Told,
) -> dict[str, Any]:
    """Logs, uploads and registers. The version comes last: one that exists is complete."""
    request, steps, parts = context.request, context.steps, prepared.parts
    with tempfile.TemporaryDirectory() as scratch, steps.step("log"):
        directory = Path(scratch) / "model"
        profile = record.profile(request, parts, model, evaluation)
        context.tracking.tag(context.run, run_tags(inputs(request, parts.train, profile["features"])))
        decision = answering.decision(request, model).document()
        code = _built(context, model, parts)
        trainer = request.estimator or str(request.entrypoint)
        lineage = first_lineage(request.columns, parts, request.spec.data.split.by, trainer, prepared.source.digest)
        documents = Documents(profile, decision, lineage, answering.baseline(request, references.get(RULES)))
        digest = save(model.pipeline, directory, request.columns, request.task.type, documents, code)
        predictions = Predictions.of(model, parts)
        report = record.report(context.run, request, prepared, evaluation, digest, told) | context.made_by
        report["predictions"] = predictions.digest
        _logged(context, prepared, model, evaluation, references, told)
        context.tracking.log_text(context.run, PREDICTIONS, predictions.text())
        written = card(request, prepared, model, evaluation, told.justified, told.openings)
        context.tracking.log_text(context.run, CARD, written)
        context.tracking.upload(context.run, directory, report)
    with steps.step("register"):
        tags = record.version_tags(request, evaluation, digest, decision["digest"]) | definition_tags(request)
        report |= registered(context, tags, evaluation.passed)
        context.tracking.end(context.run, "FINISHED")
    return record.with_steps(report, steps.seconds)


def _built(context: Context, model: Frozen, parts: Splits) -> tuple[Path, Built] | None:
    """The user's code and the model as their process has pickled it, tried there on rows of train."""
    if context.code is None:
        return None
    rows = parts.train[list(context.request.columns.features)].head(_TRIED_ROWS)
    return context.code.root, model.pipeline[-1].built(model.pipeline.steps[:-1], rows)


def _logged(
    context: Context,
    prepared: Prepared,
    model: Frozen,
    evaluation: Evaluation,
    references: References,
    told: record.Told,
) -> None:
    """Parameters, metrics, curves and pictures."""
    tracking, run = context.tracking, context.run
    tracking.log(
        run,
        record.params(context, prepared, model, told.fitted) | record.choice(context.request, told.chosen),
        measured.metrics(evaluation, references, prepared.parts, context.steps.seconds)
        | record.search_metrics(told.chosen)
        | prepared.record.numbers,
    )
    for name, points in record.curves(told).items():
        tracking.log_curve(run, name, points)
    for name, text in record.pictures(told).items():
        tracking.log_text(run, name, text)


def registered(context: Context, tags: dict[str, str], passed: bool) -> dict[str, str]:
    """The version that was registered, with the alias where its evaluation passed; nothing where none is asked for."""
    register = context.request.spec.registration
    if register is None:
        return {}
    version = context.tracking.register(context.run, register.model, tags)
    if passed:
        context.tracking.set_alias(register.model, register.alias, version)
    return {"version": version}
