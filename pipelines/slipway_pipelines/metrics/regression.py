"""Metrics of a number. Errors are in the label's own unit."""

from __future__ import annotations

import numpy as np

from slipway_pipelines.metrics.base import Compute, Floats, Metric, Rows, every_row, ratio

_TINY = np.finfo(np.float64).eps  # as scikit-learn's mean_absolute_percentage_error


def _truth(rows: Rows) -> Floats:
    return np.asarray(rows.truth, dtype=float)


def _error(rows: Rows) -> Floats:
    return np.asarray(rows.predicted, dtype=float) - _truth(rows)


def _mean(values: Floats, w: Floats) -> Floats:
    return ratio(w @ values, w.sum(axis=1))


def _mae(rows: Rows, w: Floats) -> Floats:
    return _mean(np.abs(_error(rows)), w)


def _mse(rows: Rows, w: Floats) -> Floats:
    return _mean(_error(rows) ** 2, w)


def _rmse(rows: Rows, w: Floats) -> Floats:
    return np.sqrt(_mse(rows, w))


def _mape(rows: Rows, w: Floats) -> Floats:
    return _mean(np.abs(_error(rows)) / np.maximum(np.abs(_truth(rows)), _TINY), w)


def _median(rows: Rows, w: Floats) -> Floats:
    """The smallest error that at least half of the weight does not exceed."""
    error = np.abs(_error(rows))
    order = np.argsort(error, kind="stable")
    reached = np.cumsum(w[:, order], axis=1) >= w.sum(axis=1, keepdims=True) / 2
    return np.asarray(error[order][reached.argmax(axis=1)])


def _max(rows: Rows, w: Floats) -> Floats:
    return np.asarray(np.where(w > 0, np.abs(_error(rows)), 0.0).max(axis=1))


def _r2(rows: Rows, w: Floats) -> Floats:
    return 1 - ratio(_mse(rows, w), _variance(_truth(rows), w))


def _explained_variance(rows: Rows, w: Floats) -> Floats:
    return 1 - ratio(_variance(_error(rows), w), _variance(_truth(rows), w))


def _variance(values: Floats, w: Floats) -> Floats:
    centred = values - values.mean()  # against cancellation in the difference of squares
    return _mean(centred**2, w) - _mean(centred, w) ** 2


def _metric(name: str, compute: Compute, higher: bool = False) -> Metric:
    return Metric(name, compute, higher, every_row)


_ALL = (
    _metric("mae", _mae),
    _metric("mse", _mse),
    _metric("rmse", _rmse),
    _metric("mape", _mape),
    _metric("median_absolute_error", _median),
    _metric("max_error", _max),
    _metric("r2", _r2, higher=True),
    _metric("explained_variance", _explained_variance, higher=True),
)
REGRESSION = {metric.name: metric for metric in _ALL}
