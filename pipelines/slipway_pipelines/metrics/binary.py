"""Metrics of two classes. Each equals scikit-learn's with `sample_weight`; the tests compare them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slipway_pipelines.metrics.base import Bools, Floats, Metric, Rows, calibration_error, every_row, ratio, run_ends

NET_VALUE = "net_value"
_SMALLEST = np.finfo(np.float64).eps  # as scikit-learn's log_loss clips


def sorted_by_score(rows: Rows) -> tuple[Rows, np.ndarray]:
    """The rows by falling score, with the runs of ties marked; and the order, to sort what belongs to the rows."""
    order = np.argsort(-rows.score, kind="stable")
    ends = run_ends(rows.score[order])
    truth, predicted, scores = rows.truth[order], rows.predicted[order], rows.scores[order]
    by_rule = None if rows.by_rule is None else rows.by_rule[order]
    worth = None if rows.worth is None else rows.worth[order]
    kept = replace(rows, truth=truth, predicted=predicted, scores=scores, by_rule=by_rule, worth=worth)
    return replace(kept, ends=ends), order


def _counts(rows: Rows, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """True positives, false positives, false negatives, true negatives."""
    truth, called = rows.is_positive, rows.called_positive
    cells = (truth & called, ~truth & called, truth & ~called, ~truth & ~called)
    tp, fp, fn, tn = (w @ cell.astype(float) for cell in cells)
    return tp, fp, fn, tn


def _net_value(rows: Rows, w: Floats) -> Floats:
    """What the answers were worth, on average of a row (Elkan 2001: costs by example)."""
    if rows.worth is None:
        return np.full(len(w), np.nan)
    outcome = np.where(rows.called_positive, np.where(rows.is_positive, 0, 1), np.where(rows.is_positive, 3, 2))
    return ratio(w @ rows.worth[np.arange(len(rows)), outcome], w.sum(axis=1))


def _curve(rows: Rows, w: Floats) -> tuple[Floats, Floats]:
    """Cumulated positives and negatives at the end of each run of equal scores; shape (draws, runs)."""
    assert rows.ends is not None, "binary rows must pass sorted_by_score"
    positive = rows.is_positive.astype(float)
    return np.cumsum(w * positive, axis=1)[:, rows.ends], np.cumsum(w * (1 - positive), axis=1)[:, rows.ends]


def _average_precision(rows: Rows, w: Floats) -> Floats:
    tps, fps = _curve(rows, w)
    steps = np.diff(tps, axis=1, prepend=0)
    return ratio((steps * np.nan_to_num(ratio(tps, tps + fps))).sum(axis=1), tps[:, -1])


def _roc_auc(rows: Rows, w: Floats) -> Floats:
    tps, fps = _curve(rows, w)
    before = np.concatenate([np.zeros((len(w), 1)), tps[:, :-1]], axis=1)
    area = (np.diff(fps, axis=1, prepend=0) * (before + tps) / 2).sum(axis=1)
    return ratio(area, tps[:, -1] * fps[:, -1])


def _precision(rows: Rows, w: Floats) -> Floats:
    tp, fp, _, _ = _counts(rows, w)
    return ratio(tp, tp + fp)


def _recall(rows: Rows, w: Floats) -> Floats:
    tp, _, fn, _ = _counts(rows, w)
    return ratio(tp, tp + fn)


def _specificity(rows: Rows, w: Floats) -> Floats:
    _, fp, _, tn = _counts(rows, w)
    return ratio(tn, tn + fp)


def _f1(rows: Rows, w: Floats) -> Floats:
    tp, fp, fn, _ = _counts(rows, w)
    return ratio(2 * tp, 2 * tp + fp + fn)


def _accuracy(rows: Rows, w: Floats) -> Floats:
    tp, fp, fn, tn = _counts(rows, w)
    return ratio(tp + tn, tp + fp + fn + tn)


def _balanced_accuracy(rows: Rows, w: Floats) -> Floats:
    return (_recall(rows, w) + _specificity(rows, w)) / 2


def _matthews(rows: Rows, w: Floats) -> Floats:
    tp, fp, fn, tn = _counts(rows, w)
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.nan_to_num(ratio(tp * tn - fp * fn, spread))  # scikit-learn: 0 where a margin is empty


def _log_loss(rows: Rows, w: Floats) -> Floats:
    p = np.clip(np.where(rows.is_positive, rows.score, 1 - rows.score), _SMALLEST, 1)
    return ratio(w @ -np.log(p), w.sum(axis=1))


def _brier(rows: Rows, w: Floats) -> Floats:
    return ratio(w @ (rows.score - rows.is_positive) ** 2, w.sum(axis=1))


def _ece(rows: Rows, w: Floats) -> Floats:
    return calibration_error(rows.score, rows.is_positive.astype(float), w)


def _positives(rows: Rows) -> tuple[Bools, ...]:
    return (rows.is_positive,)


def _negatives(rows: Rows) -> tuple[Bools, ...]:
    return (~rows.is_positive,)


def _called(rows: Rows) -> tuple[Bools, ...]:
    return (rows.called_positive,)


def _both(rows: Rows) -> tuple[Bools, ...]:
    return (rows.is_positive, ~rows.is_positive)


_ALL = (
    Metric("average_precision", _average_precision, True, _both, 1.0),
    Metric("roc_auc", _roc_auc, True, _both, 1.0),
    Metric("precision", _precision, True, _called, 1.0),
    Metric("recall", _recall, True, _positives, 1.0),
    Metric("specificity", _specificity, True, _negatives, 1.0),
    Metric("f1", _f1, True, _both, 1.0),
    Metric("accuracy", _accuracy, True, every_row, 1.0),
    Metric("balanced_accuracy", _balanced_accuracy, True, _both, 1.0),
    Metric("matthews_corrcoef", _matthews, True, _both, 1.0),
    Metric("log_loss", _log_loss, False, every_row),
    Metric("brier_score", _brier, False, every_row, 0.0),
    Metric("ece", _ece, False, every_row, 0.0),
    Metric(NET_VALUE, _net_value, True, every_row),
)
BINARY = {metric.name: metric for metric in _ALL}
