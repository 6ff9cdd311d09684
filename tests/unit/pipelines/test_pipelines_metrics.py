"""Every metric equals scikit-learn's, on weighted rows and with ties; so a bootstrap of it is a bootstrap of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from slipway_pipelines.metrics import METRICS, Rows
from slipway_pipelines.metrics.binary import sorted_by_score

Weighted = Callable[[Rows, np.ndarray], float]


def binary_rows(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    truth = (rng.random(120) < 0.3).astype(int)
    score = np.round(np.clip(truth * 0.3 + rng.random(120) * 0.7, 0.001, 0.999), 1 + seed % 3)  # many ties
    score = np.clip(score, 0.001, 0.999)
    scores = np.column_stack([1 - score, score])
    return sorted_by_score(Rows(truth, (score >= 0.5).astype(int), scores, positive=1))[0]


def multiclass_rows(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 150)
    scores = rng.dirichlet(np.ones(4), 150) + 0.7 * np.eye(4)[truth]
    scores /= scores.sum(axis=1, keepdims=True)
    return Rows(truth, scores.argmax(axis=1), scores)


def regression_rows(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    truth = rng.normal(100, 20, 90)
    return Rows(truth, truth + rng.normal(2, 5, 90), np.empty((90, 0)))


BINARY: dict[str, Weighted] = {
    "average_precision": lambda r, w: sk.average_precision_score(r.truth, r.score, sample_weight=w),
    "roc_auc": lambda r, w: sk.roc_auc_score(r.truth, r.score, sample_weight=w),
    "precision": lambda r, w: sk.precision_score(r.truth, r.predicted, sample_weight=w),
    "recall": lambda r, w: sk.recall_score(r.truth, r.predicted, sample_weight=w),
    "specificity": lambda r, w: sk.recall_score(r.truth, r.predicted, pos_label=0, sample_weight=w),
    "f1": lambda r, w: sk.f1_score(r.truth, r.predicted, sample_weight=w),
    "accuracy": lambda r, w: sk.accuracy_score(r.truth, r.predicted, sample_weight=w),
    "balanced_accuracy": lambda r, w: sk.balanced_accuracy_score(r.truth, r.predicted, sample_weight=w),
    "matthews_corrcoef": lambda r, w: sk.matthews_corrcoef(r.truth, r.predicted, sample_weight=w),
    "log_loss": lambda r, w: sk.log_loss(r.truth, r.score, sample_weight=w),
    "brier_score": lambda r, w: sk.brier_score_loss(r.truth, r.score, sample_weight=w),
}
MULTICLASS: dict[str, Weighted] = {
    "accuracy": lambda r, w: sk.accuracy_score(r.truth, r.predicted, sample_weight=w),
    "balanced_accuracy": lambda r, w: sk.balanced_accuracy_score(r.truth, r.predicted, sample_weight=w),
    "precision": lambda r, w: sk.precision_score(r.truth, r.predicted, average="macro", sample_weight=w),
    "recall": lambda r, w: sk.recall_score(r.truth, r.predicted, average="macro", sample_weight=w),
    "f1": lambda r, w: sk.f1_score(r.truth, r.predicted, average="macro", sample_weight=w),
    "roc_auc": lambda r, w: sk.roc_auc_score(r.truth, r.scores, multi_class="ovr", sample_weight=w),
    "log_loss": lambda r, w: sk.log_loss(r.truth, r.scores, sample_weight=w),
    "matthews_corrcoef": lambda r, w: sk.matthews_corrcoef(r.truth, r.predicted, sample_weight=w),
    "top_k_accuracy": lambda r, w: sk.top_k_accuracy_score(r.truth, r.scores, k=2, sample_weight=w),
}
REGRESSION: dict[str, Weighted] = {
    "mae": lambda r, w: sk.mean_absolute_error(r.truth, r.predicted, sample_weight=w),
    "mse": lambda r, w: sk.mean_squared_error(r.truth, r.predicted, sample_weight=w),
    "rmse": lambda r, w: sk.root_mean_squared_error(r.truth, r.predicted, sample_weight=w),
    "mape": lambda r, w: sk.mean_absolute_percentage_error(r.truth, r.predicted, sample_weight=w),
    "max_error": lambda r, w: sk.max_error(r.truth[w > 0], r.predicted[w > 0]),
    "r2": lambda r, w: sk.r2_score(r.truth, r.predicted, sample_weight=w),
    "explained_variance": lambda r, w: sk.explained_variance_score(r.truth, r.predicted, sample_weight=w),
}
CASES = [
    pytest.param(kind, name, make, oracle, id=f"{kind}-{name}")
    for kind, make, table in (
        ("BinaryClassification", binary_rows, BINARY),
        ("MulticlassClassification", multiclass_rows, MULTICLASS),
        ("Regression", regression_rows, REGRESSION),
    )
    for name, oracle in table.items()
]


@pytest.mark.parametrize(("kind", "name", "make", "oracle"), CASES)
def test_it_is_scikit_learns(kind: str, name: str, make: Callable[[int], Rows], oracle: Weighted) -> None:
    for seed in range(6):
        rows = make(seed)
        weights = np.random.default_rng(seed).integers(0, 4, (2, len(rows))).astype(float)
        weights[0] = 1
        found = METRICS[kind][name].compute(rows, weights)
        assert found == pytest.approx([oracle(rows, each) for each in weights], rel=1e-9), seed


def test_every_metric_of_the_api_is_measured() -> None:
    from slipway.api.v1alpha1.metrics import QUALITY

    for kind, measured in METRICS.items():
        assert set(QUALITY[kind]) == set(measured)


def test_the_median_error_is_that_of_the_rows_repeated() -> None:
    rows = regression_rows(1)
    weights = np.random.default_rng(0).integers(0, 4, len(rows))
    repeated = np.repeat(np.abs(rows.truth - rows.predicted), weights)
    found = METRICS["Regression"]["median_absolute_error"].compute(rows, weights[None].astype(float))[0]
    assert repeated[repeated <= found].size >= repeated.size / 2
    assert repeated[repeated < found].size < repeated.size / 2


@pytest.mark.parametrize("kind", ["BinaryClassification", "MulticlassClassification"])
def test_calibration_error_is_zero_where_confidence_is_truth_and_one_where_it_is_the_opposite(kind: str) -> None:
    truth = np.array([0, 1, 0, 1])
    sure: Any = np.eye(2)[truth]
    for scores, expected in ((sure, 0.0), (1 - sure, 1.0)):
        rows = Rows(truth, scores.argmax(axis=1), scores, positive=1 if kind.startswith("B") else None)
        rows = sorted_by_score(rows)[0] if rows.positive is not None else rows
        assert METRICS[kind]["ece"].compute(rows, np.ones((1, 4)))[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["recall", "average_precision", "roc_auc"])
def test_without_positives_it_is_undefined_not_zero(name: str) -> None:
    rows = binary_rows(0)
    rows = replace(rows, truth=np.zeros(len(rows), dtype=int))
    assert np.isnan(METRICS["BinaryClassification"][name].compute(rows, np.ones((1, len(rows)))))


def test_a_class_that_training_never_saw_was_given_no_chance() -> None:
    scores = np.array([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]])
    rows = Rows(np.array([2, -1]), np.array([2, 2]), scores)
    once = np.ones((1, 2))
    assert METRICS["MulticlassClassification"]["log_loss"].compute(rows, once)[0] > 10
    assert METRICS["MulticlassClassification"]["top_k_accuracy"].compute(rows, once)[0] == 0.5
