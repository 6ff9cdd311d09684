"""A linear model on train and validation rows alone: how much a random split flatters, and which labels look wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record
from slipway_pipelines.estimate import Estimate, estimate
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.metrics import METRICS, Rows
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.preprocess import Preparation
from slipway_pipelines.worth import worths

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 20_000
_FEWEST_ROWS = 100
_Z = 1.6448536269514722  # one-sided 95%
_FOLDS = 5
_SUSPECT = 0.08  # share of labels that look wrong before a person is told


@dataclass(frozen=True)
class Asked:
    """What the reference needs to know of the task."""

    task_type: str
    positive: str | None
    primary: str
    seed: int


def time_gap(
    train: pd.DataFrame, validation: pd.DataFrame, columns: Columns, chosen: Preparation, asked: Asked, record: Record
) -> None:
    """The primary metric by a random split minus that by time, on the same rows and sizes; test is not touched.

    A gap above 0 at 95% one-sided confidence says that rows of the future differ: only then does `Changing` hold.
    """
    import pandas as pd

    metric = asked.primary.split("@")[0]
    if metric not in METRICS[asked.task_type] or min(len(train), len(validation)) < _FEWEST_ROWS:
        record.facts["time_gap.known"] = False
        return
    rows = pd.concat([train, validation], ignore_index=True)
    last = np.zeros(len(rows), bool)
    last[len(train) :] = True
    drawn = np.random.default_rng(asked.seed).permutation(last)
    by_time, at_random = (_scored(rows, held, columns, chosen, asked, metric) for held in (last, drawn))
    if by_time is None or at_random is None:
        record.facts["time_gap.known"] = False
        return
    sign = 1 if METRICS[asked.task_type][metric].higher_is_better else -1
    gap = sign * (at_random.value - by_time.value)
    spread = float(np.hypot(by_time.draws.std(), at_random.draws.std()))
    low = gap - _Z * spread
    record.facts |= {"time_gap": round(gap, 6), "time_gap.low": round(low, 6), "time_gap.known": True}
    message = f"{metric} of a linear model: {at_random.value:.3f} by a random split, {by_time.value:.3f} by time"
    record.note("TimeGap", f"{message}; the gap is {gap:.3f}, at least {low:.3f}")


def _scored(
    rows: pd.DataFrame, held: NDArray[np.bool_], columns: Columns, chosen: Preparation, asked: Asked, metric: str
) -> Estimate | None:
    """The metric on the held rows of a model of the others; None where it is undefined."""
    fitted, judged = rows[~held], rows[held]
    label = fitted[columns.label]
    if asked.task_type != "Regression" and label.nunique() < 2:
        return None
    model = _fitted(fitted, columns, chosen, asked)
    answered = _answers(model, judged, columns, asked)
    order = np.arange(len(judged))
    if asked.positive is not None:
        answered, order = sorted_by_score(answered)
    clusters = judged[columns.entity].factorize()[0] if columns.entity else np.arange(len(judged))
    found = estimate(answered, {metric: METRICS[asked.task_type][metric]}, clusters[order], asked.seed)[metric]
    return found if np.isfinite(found.value) and len(found.draws) > 1 else None


def _fitted(rows: pd.DataFrame, columns: Columns, chosen: Preparation, asked: Asked) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if len(rows) > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, random_state=asked.seed)
    estimator = Ridge() if asked.task_type == "Regression" else LogisticRegression(max_iter=500)
    return build_pipeline(columns, estimator, chosen).fit(rows[list(columns.features)], rows[columns.label])


def _answers(model: Any, rows: pd.DataFrame, columns: Columns, asked: Asked) -> Rows:
    inputs = rows[list(columns.features)]
    if asked.task_type == "Regression":
        return Rows(rows[columns.label].to_numpy(float), model.predict(inputs), np.empty((len(rows), 0)))
    codes = {name: code for code, name in enumerate(model.classes_)}
    truth = rows[columns.label].map(codes).fillna(-1).to_numpy(dtype=np.int64)
    scores = model.predict_proba(inputs)
    positive = codes[asked.positive] if asked.positive is not None else None
    predicted = scores.argmax(axis=1)
    return Rows(truth, predicted, scores, positive, worth=worths(rows, columns))


def confident_noise(train: pd.DataFrame, columns: Columns, chosen: Preparation, asked: Asked, record: Record) -> None:
    """The share of labels that a model of the other rows contradicts surely (confident learning, Northcutt 2021).

    It rests on a model, so it only warns.
    """
    if asked.task_type == "Regression" or train[columns.label].value_counts().min() < 2 * _FOLDS:
        return
    if len(train) > _MOST_ROWS:
        train = train.sample(_MOST_ROWS, random_state=asked.seed)
    scores, given = _out_of_fold(train, columns, chosen, asked)
    sure = np.array([scores[given == code, code].mean() for code in range(scores.shape[1])])
    above = np.where(scores >= sure, scores, -1.0)
    likely = np.where(above.max(axis=1) >= 0, above.argmax(axis=1), given)
    noise = float((likely != given).mean())
    record.facts["noise.suspected"] = round(noise, 4)
    if noise >= _SUSPECT:
        message = (
            f"about {noise:.1%} of the labels contradict a linear model that is sure of another class: look at some, "
            "and name annotators in label.annotators to know"
        )
        record.warn("LabelNoiseSuspected", message, columns.label)


def _out_of_fold(
    train: pd.DataFrame, columns: Columns, chosen: Preparation, asked: Asked
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = build_pipeline(columns, LogisticRegression(max_iter=500), chosen)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=asked.seed)
    label = train[columns.label]
    scores = cross_val_predict(model, train[list(columns.features)], label, cv=folds, method="predict_proba")
    return scores, np.asarray(label.factorize(sort=True)[0], np.int64)
