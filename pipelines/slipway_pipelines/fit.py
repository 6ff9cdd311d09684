"""Step `train`: preprocessing and estimator in one Pipeline, so that serving repeats exactly what training did."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault
from slipway_pipelines.preprocess import DEFAULT, Preparation, preprocessing

if TYPE_CHECKING:
    import pandas as pd


def build_pipeline(columns: Columns, estimator: Any, chosen: Preparation = DEFAULT) -> Any:
    """Preprocessing, then the estimator: classes of scikit-learn, and the expressions of `slipway.features`.

    The fitted object therefore loads where these are, without this package.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline([*preprocessing(columns, chosen), ("estimator", estimator)])


def fit(pipeline: Any, train: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """Fits in place; returns what scikit-learn warned of (such as no convergence), each once.

    Raises:
        DataFault: the estimator refuses the data.
    """
    inputs, label = train[list(columns.features)], train[columns.label]
    return noted(lambda: pipeline.fit(inputs, label), type(pipeline[-1]).__name__)


def noted(run: Callable[[], object], name: str) -> tuple[str, ...]:
    """Runs a fit of the estimator `name`, and returns what it warned of, each once. Raises DataFault."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run()
        except (ValueError, TypeError) as error:
            raise DataFault("FitRefused", f"{name} refuses the data: {error}") from error
    return tuple(dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught))
