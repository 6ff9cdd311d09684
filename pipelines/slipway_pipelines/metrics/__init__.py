"""Metrics of model quality, each written once for weighted rows, so that a point value and its bootstrap agree."""

from __future__ import annotations

from slipway_pipelines.metrics.base import Metric, Rows
from slipway_pipelines.metrics.binary import BINARY, NET_VALUE
from slipway_pipelines.metrics.multiclass import MULTICLASS
from slipway_pipelines.metrics.regression import REGRESSION

METRICS: dict[str, dict[str, Metric]] = {
    "BinaryClassification": BINARY,
    "MulticlassClassification": MULTICLASS,
    "Regression": REGRESSION,
}


def metrics_of(task_type: str, with_worth: bool) -> dict[str, Metric]:
    """The metrics of a type; net_value only where the task says what an answer is worth."""
    return {name: metric for name, metric in METRICS[task_type].items() if with_worth or name != NET_VALUE}


__all__ = ["METRICS", "Metric", "Rows", "metrics_of"]
