"""Metrics of model quality, each written once for weighted rows, so that a point value and its bootstrap agree."""

from __future__ import annotations

from slipway_pipelines.metrics.base import Metric, Rows
from slipway_pipelines.metrics.binary import BINARY
from slipway_pipelines.metrics.multiclass import MULTICLASS
from slipway_pipelines.metrics.regression import REGRESSION

METRICS: dict[str, dict[str, Metric]] = {
    "BinaryClassification": BINARY,
    "MulticlassClassification": MULTICLASS,
    "Regression": REGRESSION,
}

__all__ = ["METRICS", "Metric", "Rows"]
