"""Step `evaluate`: the frozen model against rows that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.features.calibration import calibrated
from slipway.features.decision import Calibration
from slipway.features.rules import NO_RULE, Rule

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, Verdict, judge
from slipway_pipelines.estimate import Estimate, estimate, points
from slipway_pipelines.metrics import METRICS, Metric, Rows
from slipway_pipelines.metrics.base import Floats
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.rules import deciding_rules, rule_codes
from slipway_pipelines.threshold import choose_threshold

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
        rows = self._modelled(table)
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


@dataclass(frozen=True)
class Evaluation:
    """What held-out rows say. `rows` are those of the test, for the reference of predictions."""

    test: Mapping[str, Estimate]
    validation: Mapping[str, float]
    verdicts: tuple[Verdict, ...]
    rows: Rows

    @property
    def passed(self) -> bool:
        """All criteria are met; a task without criteria passes nothing."""
        return bool(self.verdicts) and all(verdict.met for verdict in self.verdicts)


def freeze(model: Frozen, validation: pd.DataFrame, criteria: tuple[Criterion, ...]) -> Frozen:
    """Fixes the decision threshold of a binary model on validation rows, for the criteria that need one.

    A row that a rule answers has its answer at every threshold: it counts as the surest positive or negative.
    """
    if model.positive is None or validation.empty:
        return model
    rows = model.rows(validation)
    surest = np.where(rows.called_positive, 1.0, 0.0)
    score = rows.score if rows.by_rule is None else np.where(rows.by_rule, surest, rows.score)
    return replace(model, threshold=choose_threshold(score, rows.is_positive, criteria))


def evaluate(
    model: Frozen, validation: pd.DataFrame, test: pd.DataFrame, criteria: tuple[Criterion, ...], seed: int
) -> Evaluation:
    """Every metric of the task's type on the test rows with bootstrap intervals, then the criteria."""
    metrics: Mapping[str, Metric] = METRICS[model.task_type]
    rows = model.rows(test)
    clusters = _clusters(test, model.columns)
    if model.positive is not None:
        rows, order = sorted_by_score(rows)
        clusters = clusters[order]
    estimates = estimate(rows, metrics, clusters, seed)
    return Evaluation(estimates, _validation(model, validation, metrics), judge(criteria, estimates), rows)


def _validation(model: Frozen, table: pd.DataFrame, metrics: Mapping[str, Metric]) -> dict[str, float]:
    if table.empty:
        return {}
    rows = model.rows(table)
    return points(sorted_by_score(rows)[0] if model.positive is not None else rows, metrics)


def _clusters(table: pd.DataFrame, columns: Columns) -> np.ndarray:
    if columns.entity is None:
        return np.arange(len(table))
    return table[columns.entity].factorize()[0]
