"""Rows 11, 14 and 25: what applies is measured, beside a simple model, and for each slice; one metric is primary."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.demo import data
from tests.demo.kube import condition
from tests.rows.training import Trained

OF_BINARY = {
    "average_precision", "roc_auc", "precision", "recall", "specificity", "f1", "accuracy", "balanced_accuracy",
    "matthews_corrcoef", "log_loss", "brier_score",
}  # fmt: skip


def test_r11_all_metrics_of_the_type_are_logged_with_their_intervals_and_the_primary_one_judges(
    trained: Trained,
) -> None:
    measured = trained.tracked("t-shared").data.metrics
    for name in OF_BINARY:
        low, value, high = (measured[f"test.{name}{end}"] for end in (".low", "", ".high"))
        assert low <= value <= high, name
    assert "test.r2" not in measured, "of another type"
    assert "test.ndcg" not in measured
    judged = {one["name"] for one in trained.ended("t-shared")["status"]["metrics"] if one["split"] == "test"}
    assert judged >= {"average_precision", "precision", "recall"}, "the primary one, and those named beside it"


def test_r11_what_answers_are_worth_is_a_metric_and_may_be_a_criterion(trained: Trained) -> None:
    measured = trained.tracked("t-searched").data.metrics
    rows = [row for row in data.rows() if row.split == "test"]
    hits = measured["test.recall"] * sum(row.label == "1" for row in rows)
    alarms = hits / measured["test.precision"] - hits
    assert measured["test.net_value"] == pytest.approx((5 * hits - 5 * alarms) / len(rows), abs=1e-6)
    assert measured["test.net_value.low"] < measured["test.net_value"] < measured["test.net_value.high"]
    assert "pays" in condition(trained.ended("t-searched"), "CriteriaMet")["message"]
    assert "test.net_value" not in trained.tracked("t-shared").data.metrics, "nobody said what its answers are worth"


def test_r14_a_linear_model_is_always_trained_beside_and_the_data_is_checked_before_any_fit(trained: Trained) -> None:
    run = trained.ended("t-shared")
    assert trained.cluster.get("ModelTask", "t-shared", trained.namespace)["spec"].get("rules") is None  # type: ignore[index]
    measured = trained.tracked("t-shared").data.metrics
    assert 0.5 < measured["linear.validation.roc_auc"] <= 1
    steps = [step["name"] for step in run["status"]["steps"]]
    assert steps.index("validate") < steps.index("split") < steps.index("train")


def test_r25_each_slice_that_is_large_enough_is_measured_by_itself(trained: Trained) -> None:
    sizes = Counter(row.instance()["https"] for row in data.rows() if row.split == "test")
    wanted = {f"{value:g}" for value, count in sizes.items() if count >= 30}
    measured = trained.tracked("t-searched").data.metrics
    named = {name.split(".accuracy")[0] for name in measured if name.startswith("slice.") and ".accuracy" in name}
    assert len(named) == len(wanted) >= 2, (named, sizes)
    assert all("https" in name for name in named)


def test_r25_a_model_whose_worst_slice_is_below_the_floor_does_not_pass(trained: Trained) -> None:
    run = trained.ended("t-floor")
    met = condition(run, "CriteriaMet")
    assert (met["status"], met["reason"]) == ("False", "CriteriaNotMet")
    assert "https=" in met["message"], "the slice is named"
    assert run["status"]["phase"] == "Failed"
