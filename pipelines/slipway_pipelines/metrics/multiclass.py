"""Metrics of several classes: precision, recall and F1 are macro averages (every class counts alike)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from slipway_pipelines.metrics import binary
from slipway_pipelines.metrics.base import Bools, Compute, Floats, Metric, Rows, calibration_error, every_row, ratio

_TOP = 2  # scikit-learn's default for top_k_accuracy_score
_SMALLEST = np.finfo(np.float64).eps


def _codes(rows: Rows) -> range:
    return range(rows.scores.shape[1])


def _right(rows: Rows) -> Floats:
    return np.asarray(rows.truth == rows.predicted, dtype=float)


def _accuracy(rows: Rows, w: Floats) -> Floats:
    return ratio(w @ _right(rows), w.sum(axis=1))


def _hits(rows: Rows, w: Floats, code: int) -> tuple[Floats, Floats, Floats]:
    """Hits, rows called `code`, rows that are `code`."""
    truth, called = rows.truth == code, rows.predicted == code
    return w @ (truth & called).astype(float), w @ called.astype(float), w @ truth.astype(float)


def _macro(part: Callable[[Floats, Floats, Floats], Floats]) -> Compute:
    def compute(rows: Rows, w: Floats) -> Floats:
        """A class that is never called has precision 0 (scikit-learn's zero_division); an absent one is left out."""
        total, present = np.zeros(len(w)), np.zeros(len(w))
        for code in _codes(rows):
            hit, called, true = _hits(rows, w, code)
            there = (called + true) > 0
            total += np.where(there, np.nan_to_num(part(hit, called, true)), 0)
            present += there
        return ratio(total, present)

    return compute


def _balanced_accuracy(rows: Rows, w: Floats) -> Floats:
    recalls = [ratio(hit, true) for hit, _, true in (_hits(rows, w, code) for code in _codes(rows))]
    there = ~np.isnan(recalls)
    return ratio(np.nansum(recalls, axis=0), there.sum(axis=0).astype(float))


def _roc_auc(rows: Rows, w: Floats) -> Floats:
    """Each class against the rest, all alike."""
    areas = []
    for code in _codes(rows):
        one, order = binary.sorted_by_score(replace(rows, positive=code))
        areas.append(binary.BINARY["roc_auc"].compute(one, w[:, order]))
    return np.asarray(np.mean(areas, axis=0))


def _log_loss(rows: Rows, w: Floats) -> Floats:
    truth = rows.truth.astype(int)
    said = np.where(truth < 0, 0.0, rows.scores[np.arange(len(rows)), truth])  # -1 is a class that training never saw
    p = np.clip(said, _SMALLEST, 1)
    return ratio(w @ -np.log(p), w.sum(axis=1))


def _matthews(rows: Rows, w: Floats) -> Floats:
    """The multiclass statistic R_K of Gorodkin (2004)."""
    cells = [_hits(rows, w, code) for code in _codes(rows)]
    right, total = sum(hit for hit, _, _ in cells), w.sum(axis=1)
    both = sum(called * true for _, called, true in cells)
    spread = (total**2 - sum(c**2 for _, c, _ in cells)) * (total**2 - sum(t**2 for _, _, t in cells))
    return np.nan_to_num(ratio(right * total - both, np.sqrt(spread)))


def _top_k(rows: Rows, w: Floats) -> Floats:
    top = np.argsort(-rows.scores, axis=1, kind="stable")[:, :_TOP]
    hit = (top == rows.truth.astype(int)[:, None]).any(axis=1)
    return ratio(w @ hit.astype(float), w.sum(axis=1))


def _ece(rows: Rows, w: Floats) -> Floats:
    return calibration_error(rows.scores.max(axis=1), _right(rows), w)


def _each_class(rows: Rows) -> tuple[Bools, ...]:
    return tuple(np.asarray(rows.truth == code) for code in _codes(rows))


_ALL = (
    Metric("accuracy", _accuracy, True, every_row, 1.0),
    Metric("balanced_accuracy", _balanced_accuracy, True, _each_class, 1.0),
    Metric("precision", _macro(lambda hit, called, _: ratio(hit, called)), True, _each_class, 1.0),
    Metric("recall", _macro(lambda hit, _, true: ratio(hit, true)), True, _each_class, 1.0),
    Metric("f1", _macro(lambda hit, called, true: ratio(2 * hit, called + true)), True, _each_class, 1.0),
    Metric("roc_auc", _roc_auc, True, _each_class, 1.0),
    Metric("log_loss", _log_loss, False, every_row),
    Metric("matthews_corrcoef", _matthews, True, _each_class, 1.0),
    Metric("top_k_accuracy", _top_k, True, every_row, 1.0),
    Metric("ece", _ece, False, every_row, 0.0),
)
MULTICLASS = {metric.name: metric for metric in _ALL}
