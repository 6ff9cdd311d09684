"""Calibration of a binary model's scores, fitted on scores that the model gave to rows that it had not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.features.calibration import log_odds
from slipway.features.decision import Calibration

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault
from slipway_pipelines.folds import AUTO, folds
from slipway_pipelines.metrics.base import Bools, Floats

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 30  # rows of each class: below, a curve shows the noise of single rows


def fit_calibration(
    method: str, pipeline: Any, train: pd.DataFrame, columns: Columns, positive: str, by_time: bool
) -> Calibration:
    """Fits the map on out-of-fold scores of copies of the pipeline; the pipeline itself is fitted on all rows already.

    Folds keep an entity's rows together; under a split by time each fold is scored by a model of earlier rows only.

    Raises:
        DataFault: fewer than 30 rows of a class were scored.
    """
    scored, score = _out_of_fold(pipeline, train, columns, positive, by_time)
    truth = (train[columns.label].to_numpy() == positive)[scored]
    fewest = int(min(truth.sum(), (~truth).sum()))
    if fewest < _FEWEST:
        message = f"calibration needs {_FEWEST} rows of each class, out of fold there are {fewest}; leave it out"
        raise DataFault("CalibrationTooFewRows", message)
    return _isotonic(score, truth) if method == "Isotonic" else _sigmoid(score, truth)


def _out_of_fold(
    pipeline: Any, train: pd.DataFrame, columns: Columns, positive: str, by_time: bool
) -> tuple[np.ndarray, Floats]:
    """Positions of the rows that a fold's model scored, and their scores."""
    from sklearn.base import clone

    inputs, label = train[list(columns.features)], train[columns.label]
    positions, scores = [], []
    for fit, held in folds(train, columns, by_time, AUTO):
        if label.iloc[fit].nunique() < 2:
            continue  # the first days of a rare class: nothing to learn from yet
        model = clone(pipeline).fit(inputs.iloc[fit], label.iloc[fit])
        positions.append(held)
        scores.append(model.predict_proba(inputs.iloc[held])[:, list(model.classes_).index(positive)])
    if not positions:
        return np.empty(0, np.intp), np.empty(0)
    return np.concatenate(positions), np.concatenate(scores)


def _isotonic(score: Floats, truth: Bools) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, truth.astype(float))
    knots, values = fitted.X_thresholds_, np.clip(fitted.y_thresholds_, 0, 1)
    return Calibration("Isotonic", tuple(map(float, knots)), tuple(map(float, values)))


def _sigmoid(score: Floats, truth: Bools) -> Calibration:
    """Platt's fit over log-odds, with his targets (N+ + 1)/(N+ + 2) and 1/(N- + 2), written as weighted rows."""
    from sklearn.linear_model import LogisticRegression

    target = np.where(truth, (truth.sum() + 1) / (truth.sum() + 2), 1 / ((~truth).sum() + 2))
    inputs = np.tile(log_odds(score), 2)[:, None]
    labels = np.repeat([1, 0], len(score))
    fitted = LogisticRegression(C=np.inf).fit(inputs, labels, np.concatenate([target, 1 - target]))
    return Calibration("Sigmoid", slope=float(fitted.coef_[0, 0]), intercept=float(fitted.intercept_[0]))
