"""One set of parameters, judged on rows that its fits have not seen: folds where rows are few, else validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.estimate import points
from slipway_pipelines.evaluate import Frozen, judged
from slipway_pipelines.faults import DataFault, LostFault
from slipway_pipelines.fit import fit
from slipway_pipelines.folds import folds
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.split import Splits
from slipway_pipelines.threshold import DEFAULT

if TYPE_CHECKING:
    import pandas as pd


def scores(
    pipeline: Any,
    parts: Splits,
    columns: Columns,
    task_type: str,
    positive: str | None,
    metric: str,
    count: int,
    by_time: bool,
) -> tuple[float, ...]:
    """The metric of each fold of the training rows, or the one of validation with `count` 0; empty where neither is.

    `pipeline` is unfitted, and stays so. A fold whose training rows have one class only is left out.
    """
    from sklearn.base import clone

    train, numbers = parts.train, task_type == "Regression"
    pairs = [(train.iloc[seen], train.iloc[held]) for seen, held in _pairs(train, columns, by_time, count, numbers)]
    if not pairs and len(parts.validation):
        pairs = [(train, parts.validation)]
    found = []
    for seen, held in pairs:
        if not numbers and seen[columns.label].nunique() < 2:
            continue
        fitted = clone(pipeline)
        fit(fitted, seen, columns)
        found.append(value_of(fitted, held, columns, task_type, positive, metric))
    return tuple(found)


def _pairs(train: pd.DataFrame, columns: Columns, by_time: bool, count: int, numbers: bool) -> Sequence[Any]:
    return list(folds(train, columns, by_time, count, numbers)) if count else ()


def value_of(
    pipeline: Any, table: pd.DataFrame, columns: Columns, task_type: str, positive: str | None, metric: str
) -> float:
    """One metric of a fitted pipeline on a table, at the threshold 0.5."""
    classes = () if task_type == "Regression" else tuple(str(name) for name in pipeline.classes_)
    binary = task_type == "BinaryClassification" and positive in classes
    model = Frozen(pipeline, columns, task_type, classes, positive if binary else None, DEFAULT if binary else None)
    return points(judged(model, table, columns).rows, {metric: METRICS[task_type][metric]})[metric]


def mean(values: Sequence[float]) -> float:
    """Their mean; NaN where there are none, or where one is undefined: unknown is no value."""
    return float(np.mean(values)) if values else float("nan")


def tried(*arguments: Any) -> float:
    """The mean of `scores`; NaN where the estimator refuses the parameters: one bad trial ends no search."""
    try:
        return mean(scores(*arguments))
    except LostFault:
        raise
    except (DataFault, ValueError) as error:  # some estimators find out only when they are asked
        print(f"no model: {error}", flush=True)
        return float("nan")
