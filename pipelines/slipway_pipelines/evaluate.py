"""Step `evaluate`: the frozen model against rows that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import Criterion, Verdict, judge
from slipway_pipelines.estimate import Estimate, estimate, points
from slipway_pipelines.metrics import METRICS, Metric, Rows
from slipway_pipelines.metrics.base import Floats
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.threshold import choose_threshold

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Frozen:
    """A fitted pipeline and the decision that goes with it; nothing here changes once test rows are looked at."""

    pipeline: Any
    columns: Columns
    task_type: str
    classes: tuple[str, ...]
    positive: str | None
    threshold: float | None

    def rows(self, table: pd.DataFrame) -> Rows:
        """The model's answers to a table, beside the truth. Labels that training never saw count as wrong."""
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


def freeze(
    pipeline: Any,
    columns: Columns,
    task_type: str,
    positive: str | None,
    tuning: tuple[pd.DataFrame, tuple[Criterion, ...]],
) -> Frozen:
    """Fixes the decision threshold of a binary model on validation rows, for the criteria that need one."""
    classes = () if task_type == "Regression" else tuple(str(name) for name in pipeline.classes_)
    binary = task_type == "BinaryClassification"
    model = Frozen(pipeline, columns, task_type, classes, positive if binary else None, 0.5 if binary else None)
    validation, criteria = tuning
    if not binary or validation.empty:
        return model
    rows = model.rows(validation)
    threshold = choose_threshold(rows.score, rows.is_positive, criteria)
    return Frozen(pipeline, columns, task_type, classes, model.positive, threshold)


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
