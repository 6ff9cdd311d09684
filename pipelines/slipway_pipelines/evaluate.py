"""Step `evaluate`: the frozen model against rows that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from slipway.features.calibration import calibrated
from slipway.features.decision import Calibration
from slipway.features.rules import NO_RULE, Rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, PartResult, Verdict, judge
from slipway_pipelines.estimate import Estimate, Judged, differences, estimate, points
from slipway_pipelines.metrics import METRICS, Rows, metrics_of
from slipway_pipelines.metrics.base import Floats
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.rules import deciding_rules, rule_codes
from slipway_pipelines.slices import Slice, SlicePlan, measure, worst
from slipway_pipelines.split import Splits
from slipway_pipelines.threshold import choose_threshold
from slipway_pipelines.worth import worths

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Frozen:
    """A fitted pipeline and the decision that goes with it; nothing here changes once test rows are looked at.

    `rules` are those that answer before it, so that what is judged is what is served: their answers count in metrics
    of answers. Metrics of scores are the model's alone, on all rows.
    """

    pipeline: Any
    columns: Columns
    task_type: str
    classes: tuple[str, ...]
    positive: str | None
    threshold: float | None
    calibration: Calibration | None = None
    rules: tuple[Rule, ...] = ()

    def rows(self, table: pd.DataFrame) -> Rows:
        """The answers to a table, beside the truth. Labels that training never saw count as wrong."""
        rows = replace(self._modelled(table), worth=worths(table, self.columns))
        if not self.rules:
            return rows
        deciding = deciding_rules(self.rules, table, self.columns)
        by_rule = deciding != NO_RULE
        answers = rule_codes(self.rules, self.classes)[deciding]
        return replace(rows, predicted=np.where(by_rule, answers, rows.predicted), by_rule=by_rule)

    def _modelled(self, table: pd.DataFrame) -> Rows:
        inputs = table[list(self.columns.features)]
        if not self.classes:
            truth = table[self.columns.label].to_numpy(dtype=float)
            return Rows(truth, self.pipeline.predict(inputs), np.empty((len(table), 0)))
        codes = {name: code for code, name in enumerate(self.classes)}
        truth = table[self.columns.label].map(codes).fillna(-1).to_numpy(dtype=np.int64)
        scores: Floats = self.pipeline.predict_proba(inputs)
        if self.positive is None:
            return Rows(truth, scores.argmax(axis=1), scores)
        positive = codes[self.positive]
        assert self.threshold is not None
        if self.calibration is not None:
            probability = calibrated(self.calibration, scores[:, positive])
            scores = np.column_stack([1 - probability, probability][:: 1 if positive else -1])
        called = scores[:, positive] >= self.threshold
        return Rows(truth, np.where(called, positive, 1 - positive), scores, positive)


class Answers(Protocol):
    """A model, or what stands beside it: something that answers rows."""

    @property
    def columns(self) -> Columns:
        """Columns by role."""

    @property
    def task_type(self) -> str:
        """Type of the task."""

    def rows(self, table: pd.DataFrame) -> Rows:
        """The answers to a table, beside the truth."""


@dataclass(frozen=True)
class Evaluation:
    """What held-out rows say.

    Attributes:
        test: metrics of the test rows; empty where these were not opened.
        novel: metrics of the test rows that equal none that there was to learn from.
        missed_by_rules: recall of the positives that no rule catches; None where there are no rules or no positives.
        differences: model minus reference on the test rows, by `recall - linear.recall`.
        rows: those whose predictions are the reference of the served model's.
    """

    test: Mapping[str, Estimate]
    validation: Mapping[str, float]
    verdicts: tuple[Verdict, ...]
    rows: Rows
    novel: Mapping[str, float] = field(default_factory=dict)
    novel_rows: int = 0
    missed_by_rules: Estimate | None = None
    differences: Mapping[str, Estimate] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()

    @property
    def passed(self) -> bool:
        """All criteria are met; a task without criteria passes nothing."""
        return bool(self.verdicts) and all(verdict.met for verdict in self.verdicts)

    def gaps(self) -> dict[str, float]:
        """Validation minus test of each metric: how much of what chose the model was luck of the validation rows."""
        return {name: self.validation[name] - one.value for name, one in self.test.items() if name in self.validation}


@dataclass(frozen=True)
class EvaluationPlan:
    """What is asked of the test rows. `wanted` metrics are compared with the references and by slice."""

    criteria: tuple[Criterion, ...]
    seed: int
    wanted: tuple[str, ...] = ()
    references: Mapping[str, Answers] = field(default_factory=dict)
    slices: SlicePlan | None = None


def freeze(model: Frozen, validation: pd.DataFrame, criteria: tuple[Criterion, ...]) -> Frozen:
    """Fixes the decision threshold of a binary model on validation rows, for the criteria that need one and for value.

    A row that a rule answers has its answer at every threshold: it counts as the surest positive or negative.
    """
    if model.positive is None or validation.empty:
        return model
    rows = model.rows(validation)
    surest = np.where(rows.called_positive, 1.0, 0.0)
    score = rows.score if rows.by_rule is None else np.where(rows.by_rule, surest, rows.score)
    return replace(model, threshold=choose_threshold(score, rows.is_positive, criteria, rows.worth))


def judged(answers: Answers, table: pd.DataFrame, columns: Columns) -> Judged:
    """The answers to a table with the clusters of its rows, binary ones sorted by their scores."""
    return _in_order(answers, table, columns)[0]


def _in_order(answers: Answers, table: pd.DataFrame, columns: Columns) -> tuple[Judged, np.ndarray]:
    """And the positions in the table of the sorted rows."""
    rows, clusters = answers.rows(table), _clusters(table, columns)
    if rows.positive is None:
        return Judged(rows, clusters), np.arange(len(table))
    rows, order = sorted_by_score(rows)
    return Judged(rows, clusters[order]), order


def evaluate(model: Answers, parts: Splits, plan: EvaluationPlan) -> Evaluation:
    """Every metric of the task's type on the test rows with bootstrap intervals, then the criteria."""
    metrics = metrics_of(model.task_type, model.columns.worth is not None)
    part, order = _in_order(model, parts.test, model.columns)
    estimates = estimate(part.rows, metrics, part.clusters, plan.seed)
    compared = _compared(model, part, parts.test, plan)
    verdicts = judge(plan.criteria, {**estimates, **compared})
    slices: tuple[Slice, ...] = ()
    if plan.slices is not None:
        asked = {name: metrics[name] for name in _asked(plan) if name in metrics}
        slices = measure(plan.slices, parts.test, model.columns, part, order, asked, plan.seed)
        if plan.slices.worst is not None:
            verdicts = (*verdicts, worst(plan.slices.worst, slices, plan.slices.minimum_rows))
    novel = parts.novel[order] if len(parts.novel) else np.zeros(len(order), bool)
    return Evaluation(
        estimates, validation_points(model, parts.validation), verdicts, part.rows,
        points(part.rows.where(novel), metrics) if novel.any() else {}, int(novel.sum()),
        _missed_by_rules(part, order, parts.test, plan), compared, slices,
    )  # fmt: skip


def unopened(model: Frozen, parts: Splits, plan: EvaluationPlan, notes: Mapping[str, str]) -> Evaluation:
    """What is told where a proof is out of reach: validation alone. `notes` say why, by the criterion's name."""
    validation = validation_points(model, parts.validation)
    nothing = float("nan")
    verdicts = tuple(
        Verdict(
            one,
            tuple(PartResult(part, validation.get(part.metric, nothing), nothing) for part in one.parts),
            notes.get(one.name, "the test rows stay closed, since another criterion cannot be proved"),
        )
        for one in plan.criteria
    )
    return Evaluation({}, validation, verdicts, judged(model, parts.validation, model.columns).rows)


def validation_points(model: Answers, table: pd.DataFrame) -> dict[str, float]:
    """Every metric on the validation rows; empty where there are none."""
    metrics = metrics_of(model.task_type, model.columns.worth is not None)
    return points(judged(model, table, model.columns).rows, metrics) if len(table) else {}


def _asked(plan: EvaluationPlan) -> tuple[str, ...]:
    """The metrics that slices and references are compared by."""
    floor = plan.slices.worst.parts if plan.slices is not None and plan.slices.worst is not None else ()
    relative = (part.metric for one in plan.criteria for part in one.parts if part.against)
    return tuple(dict.fromkeys((*plan.wanted, *relative, *(part.metric for part in floor))))


def _compared(model: Answers, part: Judged, test: pd.DataFrame, plan: EvaluationPlan) -> dict[str, Estimate]:
    """Model minus reference, by the key of a criterion's part; a reference that there is not proves nothing."""
    metrics = {name: one for name, one in METRICS[model.task_type].items() if name in _asked(plan)}
    found: dict[str, Estimate] = {}
    for name, reference in plan.references.items():
        other = judged(reference, test, model.columns)
        measured = differences(part, other, metrics, plan.seed)
        found |= {f"{metric} - {name}.{metric}": value for metric, value in measured.items()}
    for one in plan.criteria:
        if one.lead.against:
            found.setdefault(one.lead.key, Estimate(one.lead.metric, float("nan"), np.empty(0), 0.0, 0, None))
    return found


def _missed_by_rules(part: Judged, order: np.ndarray, test: pd.DataFrame, plan: EvaluationPlan) -> Estimate | None:
    """Recall of the positives that the rules alone do not call positive: what a model is for."""
    rules = plan.references.get("rules")
    if rules is None or part.rows.positive is None:
        return None
    alone = rules.rows(test)
    missed = (alone.is_positive & ~alone.called_positive)[order]
    if not missed.any():
        return None
    codes = np.unique(part.clusters[missed], return_inverse=True)[1]
    metrics = {name: METRICS["BinaryClassification"][name] for name in ("recall",)}
    return estimate(part.rows.where(missed), metrics, codes, plan.seed)["recall"]


def _clusters(table: pd.DataFrame, columns: Columns) -> np.ndarray:
    if columns.entity is None:
        return np.arange(len(table))
    return table[columns.entity].factorize()[0]
