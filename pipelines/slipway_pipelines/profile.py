"""The reference profile: what features and predictions looked like, in fixed buckets, for drift of the served model.

It travels in the model directory as `slipway/profile.json`. A server counts live rows in the same buckets, so that an
index of population stability needs no rows, only counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.features.slices import bounded, spelled

from slipway_pipelines.columns import Columns
from slipway_pipelines.metrics.base import Floats, Rows

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
_CATEGORIES = BINS - 1  # and one bucket for everything else


def bucket(values: Floats, edges: Floats) -> np.ndarray:
    """The bucket of each number, 0 to len(edges): how many edges do not exceed it."""
    return np.searchsorted(edges, values, side="right")


def feature_references(train: pd.DataFrame, columns: Columns) -> list[dict[str, Any]]:
    """Edges (or values) and counts of each feature over the rows that trained the model."""
    numeric = [_numeric(name, train[name].to_numpy(dtype=float)) for name in columns.numeric]
    return numeric + [_categorical(name, train[name]) for name in columns.categorical]


def prediction_reference(rows: Rows, classes: tuple[str, ...]) -> dict[str, Any]:
    """Predicted classes and the distribution of scores, from held-out rows: a model is too sure of rows it has seen.

    Scores are those of the rows that the model answers: live, a row that a rule answered has none.
    """
    score = np.asarray(rows.predicted, dtype=float) if rows.positive is None else rows.score
    if rows.by_rule is not None:
        score = score[~rows.by_rule]
    reference: dict[str, Any] = {"rows": len(rows)}
    if classes:
        counts = np.bincount(rows.predicted.astype(int), minlength=len(classes))
        reference["classes"] = dict(zip(classes, counts.tolist(), strict=True))
    if rows.positive is not None or not classes:
        edges = reference_edges(score)
        reference["scores"] = {"edges": edges.tolist(), "counts": _counts(bucket(score, edges), len(edges) + 1)}
    return reference


def slice_values(train: pd.DataFrame, columns: Columns, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """The values of each wanted feature that have a slice; a column that no request carries has none to count."""
    names = [name for name in columns.features if name in wanted]
    counts = [
        (name, value, int(rows))
        for name in names
        for value, rows in train[name].map(spelled).value_counts().items()
        if isinstance(value, str)
    ]
    return [{"column": one.name, "values": list(one.values)} for one in bounded(counts, names)]


def reference_edges(values: Floats) -> Floats:
    """Inner edges of at most 20 buckets of nearly equal counts.

    An edge lies halfway between a quantile and the next larger value that occurs, or on that one where no number lies
    between: a bucket begins with its lower edge. Two values that training told apart thus are apart, a value that many
    rows share has a bucket of its own, and a constant feature has no edges.
    """
    finite = np.sort(values[np.isfinite(values)])
    distinct = np.unique(finite)
    if len(distinct) < 2:
        return np.empty(0)
    last_of_share = np.maximum(np.arange(1, BINS) * len(finite) // BINS - 1, 0)
    index = np.unique(np.searchsorted(distinct, finite[last_of_share]))
    index = index[index < len(distinct) - 1]
    lower, upper = distinct[index], distinct[index + 1]
    halfway = (lower + upper) / 2
    return np.where(halfway > lower, halfway, upper)


def _numeric(name: str, values: Floats) -> dict[str, Any]:
    edges = reference_edges(values)
    present = values[np.isfinite(values)]
    return {
        "name": name,
        "type": "Numeric",
        "edges": edges.tolist(),
        "counts": _counts(bucket(present, edges), len(edges) + 1),
        "missing": int(len(values) - len(present)),
    }


def _categorical(name: str, values: pd.Series) -> dict[str, Any]:
    frequent = values.value_counts().sort_index().sort_values(ascending=False, kind="stable").head(_CATEGORIES)
    counts = [int(count) for count in frequent]
    return {
        "name": name,
        "type": "Categorical",
        "values": [str(value) for value in frequent.index],
        "counts": [*counts, int(values.notna().sum()) - sum(counts)],
        "missing": int(values.isna().sum()),
    }


def _counts(buckets: np.ndarray, size: int) -> list[int]:
    return [int(count) for count in np.bincount(buckets, minlength=size)]
