"""Features that know the answer. Labels of test rows are not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record

if TYPE_CHECKING:
    import pandas as pd

ALONE, PRESENCE, VANISHES = "PredictsAlone", "PresenceTellsTheLabel", "VanishesInTheNewestRows"
REASONS = (ALONE, PRESENCE, VANISHES)

_TOO_WELL = 0.98
"""ROC AUC (R² of a regression) of one feature alone, out of fold, that hardly any cause of an event reaches."""

_MOST_ROWS = 10_000
_FOLDS = 3
_LEAF = 20  # rows: a tree must not learn single values by heart
_NEWEST = 0.05
_FEWEST_NEWEST = 30
_VANISHED = 0.3
_RARE = 0.001


def searched(rows: pd.DataFrame, columns: Columns, task_type: str, seed: int, record: Record) -> None:
    """Tells of features that predict too well alone, or by being there at all."""
    label = rows[columns.label]
    sample = rows if len(rows) <= _MOST_ROWS else rows.sample(_MOST_ROWS, random_state=seed)
    fewest = label.nunique() if task_type == "Regression" else int(sample[columns.label].value_counts().min())
    if fewest < 2 * _FOLDS:
        return
    for name in columns.numeric + columns.categorical:
        codes = _codes(sample[name])
        absent = sample[name].isna().to_numpy()
        by_presence = _skill(absent[:, None].astype(float), sample[columns.label], task_type, seed)
        if _RARE < absent.mean() < 1 - _RARE and by_presence >= _TOO_WELL - 0.08:
            message = f"whether {name!r} is there at all tells the label ({_measured(task_type)} {by_presence:.3f}): "
            record.warn(PRESENCE, f"{message}it is filled in once the answer is known", name)
            continue
        alone = _skill(codes[:, None], sample[columns.label], task_type, seed)
        record.facts[f"alone.{name}"] = round(alone, 4)
        if alone >= _TOO_WELL:
            message = f"{name!r} alone predicts the label ({_measured(task_type)} {alone:.3f}): is it known only after "
            record.warn(ALONE, f"{message}the event? then take it out, or give availableAfter", name)


def vanishing(rows: pd.DataFrame, columns: Columns, record: Record) -> None:
    """Tells of what is filled in days after the event: it is still missing in the newest rows.

    No label is looked at, so that `rows` may be all that there are.
    """
    rank = rows[columns.timestamp].rank(method="first", ascending=False)
    newest = (rank <= max(_FEWEST_NEWEST, _NEWEST * len(rows))).to_numpy()
    if newest.sum() * 2 > len(rows):
        return
    for name in columns.read:
        absent = rows[name].isna().to_numpy()
        late, early = float(absent[newest].mean()), float(absent[~newest].mean())
        if late - early >= _VANISHED:
            message = f"{name!r} is missing in {late:.0%} of the newest rows and in {early:.0%} of the others: it is "
            record.warn(VANISHES, f"{message}filled in later, so a request will not have it", name)


def _measured(task_type: str) -> str:
    return "R²" if task_type == "Regression" else "ROC AUC"


def _codes(values: pd.Series) -> NDArray[np.float64]:
    """Numbers as they are, categories by their rank of frequency; what is missing is lower than all."""
    if values.dtype != object:
        return np.asarray(values.fillna(values.min() - 1 if values.notna().any() else 0), np.float64)
    order = {value: rank for rank, value in enumerate(values.value_counts().index)}
    return np.asarray(values.map(order).fillna(-1), np.float64)


def _skill(feature: NDArray[np.float64], label: pd.Series, task_type: str, seed: int) -> float:
    """Out-of-fold skill of a small tree that sees one feature."""
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict

    regression = task_type == "Regression"
    if np.ptp(feature) == 0:
        return 0.0 if regression else 0.5
    tree = _tree(regression)
    folds = (KFold if regression else StratifiedKFold)(_FOLDS, shuffle=True, random_state=seed)
    if regression:
        return float(r2_score(label, cross_val_predict(tree, feature, label, cv=folds)))
    scores = cross_val_predict(tree, feature, label, cv=folds, method="predict_proba")
    classes = sorted(label.unique())
    if len(classes) == 2:
        return float(roc_auc_score(label == classes[1], scores[:, 1]))
    return float(roc_auc_score(label, scores, multi_class="ovr", labels=classes))


def _tree(regression: bool) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return (DecisionTreeRegressor if regression else DecisionTreeClassifier)(max_depth=6, min_samples_leaf=_LEAF)
