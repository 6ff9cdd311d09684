"""The fit that is kept: stopped where validation stops improving, and its learning curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.crossvalidate import value_of
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import fit, noted
from slipway_pipelines.split import Splits

if TYPE_CHECKING:
    import pandas as pd

_SHARES = (0.25, 0.5, 0.75)
_FEWEST = 20


@dataclass(frozen=True)
class Curve:
    """How a fit went: points of (step, on training rows, on validation rows or NaN).

    `unit` is what a step counts: iterations of the fit, or rows that it saw.
    """

    metric: str
    unit: str
    points: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class Fitted:
    """What a fit warned of, and its curve. `iterations` is where it stopped; None where it has none."""

    warnings: tuple[str, ...]
    curve: Curve
    iterations: int | None = None


def fit_stopping(
    pipeline: Any, parts: Splits, columns: Columns, task_type: str, positive: str | None, metric: str
) -> Fitted:
    """Fits in place. Gradient boosting stops early by the validation rows, unless the manifest sets `early_stopping`.

    Raises:
        DataFault: the estimator refuses the data.
    """
    estimator = pipeline[-1]
    if getattr(estimator, "early_stopping", None) == "auto" and _judges(parts, columns, task_type):
        warnings = _boosted(pipeline, parts, columns)
    else:
        warnings = fit(pipeline, parts.train, columns)
    iterations = getattr(estimator, "n_iter_", None)
    by_iteration = _by_iteration(estimator)
    curve = by_iteration or _by_rows(pipeline, parts, columns, task_type, positive, metric)
    return Fitted(warnings, curve, int(iterations) if isinstance(iterations, int | np.integer) else None)


def _judges(parts: Splits, columns: Columns, task_type: str) -> bool:
    """Whether validation can say when to stop: it has rows, and no class that training lacks."""
    known = set(parts.train[columns.label])
    return len(parts.validation) > 0 and (task_type == "Regression" or set(parts.validation[columns.label]) <= known)


def _boosted(pipeline: Any, parts: Splits, columns: Columns) -> tuple[str, ...]:
    names, label = list(columns.features), columns.label
    features, estimator = pipeline[:-1], pipeline[-1]
    estimator.set_params(early_stopping=True)

    def run() -> None:
        inputs = features.fit_transform(parts.train[names], parts.train[label])
        seen = features.transform(parts.validation[names])
        estimator.fit(inputs, parts.train[label], X_val=seen, y_val=parts.validation[label])

    return noted(run, type(estimator).__name__)


def _by_iteration(estimator: Any) -> Curve | None:
    if len(getattr(estimator, "validation_score_", ())):
        pairs = zip(estimator.train_score_, estimator.validation_score_, strict=True)
        return Curve("loss", "iteration", tuple((n, -float(a), -float(b)) for n, (a, b) in enumerate(pairs)))
    if len(getattr(estimator, "loss_curve_", ())):
        losses = enumerate(estimator.loss_curve_, 1)
        return Curve("loss", "iteration", tuple((n, float(loss), float("nan")) for n, loss in losses))
    return None


def _by_rows(
    pipeline: Any, parts: Splits, columns: Columns, task_type: str, positive: str | None, metric: str
) -> Curve:
    """The metric after a quarter, a half, three quarters and all of the training rows."""
    from sklearn.base import clone

    rows, points = len(parts.train), []
    for share in _SHARES:
        seen = _share(parts.train, share)
        smaller = clone(pipeline)
        if len(seen) < _FEWEST or (task_type != "Regression" and seen[columns.label].nunique() < 2):
            continue
        try:
            fit(smaller, seen, columns)
        except DataFault:
            continue
        points.append((len(seen), smaller, seen))
    points.append((rows, pipeline, parts.train))
    ask = (columns, task_type, positive, metric)
    held = parts.validation

    def values(one: Any, seen: pd.DataFrame) -> tuple[float, float]:
        return value_of(one, seen, *ask), value_of(one, held, *ask) if len(held) else float("nan")

    return Curve(metric, "rows", tuple((count, *values(one, seen)) for count, one, seen in points))


def _share(train: pd.DataFrame, share: float) -> pd.DataFrame:
    """A part of the rows, spread over all of them: files are often sorted."""
    kept = np.floor(np.arange(1, len(train) + 1) * share) > np.floor(np.arange(len(train)) * share)
    part: pd.DataFrame = train[kept]
    return part
