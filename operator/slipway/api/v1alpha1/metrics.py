"""The names of metrics, and where each may be used: one catalogue for validation, messages and documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Measured on live traffic of any variant, without labels.
SERVING = (
    "error_rate", "latency_p50", "latency_p95", "latency_p99", "request_rate", "positive_rate", "class_share",
    "prediction_shift", "missing_rate", "saturation",
)  # fmt: skip

#: Compare mirrored pairs of answers, so they exist in a Shadow stage only (and on logged requests in a Backtest).
PAIRED = ("agreement", "positive_rate_ratio", "flagged_overlap", "score_distance", "pair_coverage")

LATENCIES = ("latency_p50", "latency_p95", "latency_p99")

#: Shares of something, so that a bound is a percentage or a number from 0 to 1.
SHARES = ("error_rate", "positive_rate", "class_share", "missing_rate", "agreement", "flagged_overlap", "pair_coverage")

#: Need labels. Names follow scikit-learn where it has one; `net_value` needs ModelTask.spec.value, whose outcomes are
#: those of two classes.
QUALITY: Mapping[str, tuple[str, ...]] = {
    "BinaryClassification": (
        "average_precision", "roc_auc", "precision", "recall", "specificity", "f1", "accuracy", "balanced_accuracy",
        "matthews_corrcoef", "log_loss", "brier_score", "ece", "net_value",
    ),
    "MulticlassClassification": (
        "accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "matthews_corrcoef",
        "top_k_accuracy", "ece",
    ),
    "Regression": (
        "mae", "mse", "rmse", "mape", "median_absolute_error", "max_error", "r2", "explained_variance",
    ),
    "Ranking": ("ndcg", "map", "mrr", "precision", "recall", "hit_rate"),
    "AnomalyDetection": ("average_precision", "roc_auc", "precision", "recall", "f1"),
}  # fmt: skip


#: Of these, what the labels of logged predictions give, by the type of the task.
MATURED_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "BinaryClassification": ("precision", "recall", "accuracy"),
    "MulticlassClassification": ("accuracy",),
    "Regression": ("mae",),
}
MATURED = ("precision", "recall", "accuracy", "mae")


def quality_names() -> tuple[str, ...]:
    """All metrics that need labels, whatever the type of the task."""
    return tuple(sorted({name for names in QUALITY.values() for name in names}))


def cel_list(names: Iterable[str]) -> str:
    """A CEL list literal of strings."""
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"
