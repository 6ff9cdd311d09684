"""From a registered version and the rows that are new to the next version: test, learn, judge, register."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway_pipelines import answering, record
from slipway_pipelines.card import PATH as CARD
from slipway_pipelines.card import card
from slipway_pipelines.context import Context
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.data.record import Record
from slipway_pipelines.evaluate import Answers, Evaluation, EvaluationPlan, evaluate, judged
from slipway_pipelines.faults import DataFault
from slipway_pipelines.incremental import told
from slipway_pipelines.incremental.base import Base, load_base
from slipway_pipelines.incremental.forgetting import remembered
from slipway_pipelines.incremental.lineage import Learnt, digest_of, span
from slipway_pipelines.incremental.prequential import Tested, predict_then_learn
from slipway_pipelines.incremental.rows import NewRows, gathered
from slipway_pipelines.inputs import definition_tags, inputs, run_tags
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.model_directory import Documents, save
from slipway_pipelines.modelling import registered
from slipway_pipelines.openings import opened_until, sketch
from slipway_pipelines.preprocess import DEFAULT
from slipway_pipelines.provable import shortfalls
from slipway_pipelines.reference import LINEAR, RULES, RuleAnswers, rule_answers
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.split import Splits
from slipway_pipelines.threads import threads_for

if TYPE_CHECKING:
    import pandas as pd

BASE = "base"


def incremented(context: Context, environment: Mapping[str, str]) -> dict[str, Any]:
    """The report of an attempt that continues a version; without one of its own where nothing is new.

    Raises:
        DataFault: the base cannot be continued, or the estimator refuses the rows.
        TransientFault: MLflow or a source stayed away.
    """
    request, steps, found = context.request, context.steps, Record()
    with tempfile.TemporaryDirectory() as scratch, steps.step("base"):
        _check_criteria(request)
        base = load_base(context.tracking, request, Path(scratch))
    new = gathered(request, base.lineage, base.model.classes, environment, steps, found)
    with steps.step("batches"):
        opened = opened_until(context.tracking.opened_before(request), request.spec.allow.test_reuse)
        prepared = _prepared(request, new, opened, found)
        message = _obstacle(request, base, new, prepared.parts, opened)
    if message:
        return _waiting(context, prepared, base, message)
    with steps.step("increment"):
        openings = context.tracking.open_test(context.run, request, sketch(prepared.parts.test, request.columns))
        with threads_for(prepared.parts.train):
            tested = predict_then_learn(base.model, new.batches, _instant(opened), _delay(request))
    with steps.step("evaluate"):
        grown = _grown(request, base, new, prepared, tested, openings)
    return _kept(context, prepared, grown)


def _check_criteria(request: TrainingRequest) -> None:
    named = [one.name for one in request.criteria if one.lead.against == LINEAR]
    if named:
        message = (
            f"criterion {named[0]!r} compares with {LINEAR}, which is fitted on train rows, and a run that continues a "
            "version has none: compare with a number or with rules, or train in full"
        )
        raise DataFault("CriterionUnsupported", message)


def _prepared(request: TrainingRequest, new: NewRows, opened: str, found: Record) -> Prepared:
    """The rows by what they are for: all new ones are learnt (train), those that nobody has looked at judge (test)."""
    import pandas as pd

    learnt = pd.concat(new.batches, ignore_index=True) if new.batches else new.retained.iloc[:0]
    fresh, after = learnt, _instant(opened)
    if after is not None and len(learnt):
        fresh = learnt[learnt[request.columns.timestamp] > after].reset_index(drop=True)
        if len(fresh) < len(learnt):
            message = (
                f"{len(learnt) - len(fresh)} new rows are not newer than {opened}, up to when runs before have been "
                "judged by rows of this task: they are learnt from, and judge nothing"
            )
            found.note("OpenedBefore", message)
    parts = Splits(learnt, new.retained, fresh)
    found.count("batches", len(new.source.table), len(learnt), f"{len(fresh)} of them judge")
    return Prepared(new.source, len(new.source.table), parts, DEFAULT, found)


def _obstacle(request: TrainingRequest, base: Base, new: NewRows, parts: Splits, opened: str) -> str:
    """Why nothing is learnt yet: no rows, none that could judge, or too few for a proof. They wait for more."""
    end, immature = base.lineage.end, ""
    if new.newest > end:
        immature = f"; the newest row is of {new.newest}, and its label is not known or not mature yet"
    if not len(parts.train):
        return f"nothing new since {end}, the newest row that {base.version.uri} has seen{immature}"
    if not len(parts.test):
        return f"{len(parts.train)} rows are new since {end}, and runs before have been judged by rows up to {opened}"
    if not len(parts.validation):
        return ""
    seen = judged(base.model, parts.validation, request.columns)
    short = shortfalls(request.criteria, METRICS[request.task.type], seen.rows, seen.clusters, len(parts.test))
    return f"{len(parts.test)} new rows prove too little: {short[0]}; they wait for more" if short else ""


def _grown(
    request: TrainingRequest, base: Base, new: NewRows, prepared: Prepared, tested: Tested, openings: int
) -> told.Grown:
    task, seed = request.task, request.seeds.bootstrap
    learnt = tuple(_learnt(batch, prepared.parts.test, request) for batch in new.batches)
    assert request.spec.incremental is not None
    tolerance = float(request.spec.incremental.tolerance.fraction)
    kept = remembered(
        base.model, tested.model, new.retained, base.lineage.validation, task.metrics.primary, tolerance, seed
    )
    lineage = base.lineage.continued(base.version, learnt)
    return told.Grown(base, lineage, learnt, tested, _evaluated(request, base, prepared, tested), kept, openings)


def _evaluated(request: TrainingRequest, base: Base, prepared: Prepared, tested: Tested) -> Evaluation:
    """As test rows are judged: by intervals over entities, against criteria, base and rules, and by slice."""
    task, learnt = request.task, prepared.parts.train
    rules = _rules(request, base, learnt)
    references: dict[str, Answers] = {BASE: base.model} | ({RULES: rules} if rules is not None else {})
    wanted = (task.metrics.primary, *task.metrics.also)
    plan = EvaluationPlan(request.criteria, request.seeds.bootstrap, wanted, references, request.slices)
    return evaluate(tested, replace(prepared.parts, validation=learnt.iloc[:0], test=tested.table), plan)


def _rules(request: TrainingRequest, base: Base, learnt: pd.DataFrame) -> RuleAnswers | None:
    task = request.task
    return rule_answers(request.rules, learnt, request.columns, task.type, task.label.positive, base.model.classes)


def _learnt(batch: pd.DataFrame, judging: pd.DataFrame, request: TrainingRequest) -> Learnt:
    timestamp = str(request.columns.timestamp)
    found = span(batch, timestamp)
    tested = int((batch[timestamp] >= judging[timestamp].min()).sum()) if len(judging) else 0
    return Learnt(digest_of(batch, request.columns), found.rows, tested, found.since, found.until)


def _kept(context: Context, prepared: Prepared, grown: told.Grown) -> dict[str, Any]:
    """Logs, uploads and registers. The version comes last: one that exists is complete."""
    request, steps, tracking, model = context.request, context.steps, context.tracking, grown.tested.model
    with tempfile.TemporaryDirectory() as scratch, steps.step("log"):
        directory = Path(scratch) / "model"
        profile, decision = told.profile(context, prepared, grown), answering.decision(request, model).document()
        tracking.tag(context.run, run_tags(inputs(request, prepared.parts.train, profile["features"])))
        tracking.tag(context.run, told.lineage_tags(grown.lineage))
        baseline = answering.baseline(request, _rules(request, grown.base, prepared.parts.train))
        documents = Documents(profile, decision, grown.lineage, baseline)
        digest = save(model.pipeline, directory, request.columns, request.task.type, documents)
        report = told.report(context, prepared, grown, digest)
        written = card(request, prepared, model, grown.evaluation, None, grown.openings)
        tracking.log_text(context.run, CARD, written)
        tracking.log(context.run, told.params(context, prepared, grown), told.metrics(grown, steps.seconds))
        tracking.upload(context.run, directory, report)
    with steps.step("register"):
        tags = record.version_tags(request, grown.evaluation, digest, decision["digest"])
        tags |= definition_tags(request) | told.lineage_tags(grown.lineage)
        report |= registered(context, tags, grown.evaluation.passed)
        tracking.end(context.run, "FINISHED")
    return record.with_steps(report, steps.seconds)


def _waiting(context: Context, prepared: Prepared, base: Base, message: str) -> dict[str, Any]:
    context.tracking.tag(context.run, {"slipway.waiting": message[:500]})
    context.tracking.log(context.run, {"base": base.version.uri}, record.seconds(context.steps.seconds))
    context.tracking.end(context.run, "FINISHED")
    return record.with_steps(told.waiting(context, prepared, base, message), context.steps.seconds)


def _delay(request: TrainingRequest) -> float:
    """Seconds after which a label is known."""
    maturity = request.task.label.maturity
    return float(maturity.p95.seconds) if maturity is not None else 0.0


def _instant(text: str) -> pd.Timestamp | None:
    import pandas as pd

    return pd.Timestamp(text) if text else None
