"""Step `train`: preprocessing and estimator in one Pipeline, so that serving repeats exactly what training did."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

_MOST_CATEGORIES = (
    32  # the rest share one column: the table stays dense, as HistGradientBoosting and GaussianNB need it
)
_ABSENT = "(missing)"


def build_pipeline(columns: Columns, estimator: Any) -> Any:
    """Imputer and scaler for numbers, one-hot for categories, then the estimator: classes of scikit-learn alone.

    The fitted object therefore loads where scikit-learn is, without this package.
    """
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = Pipeline(
        [("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MOST_CATEGORIES, sparse_output=False)
    # A missing category arrives as None from JSON and Parquet, as NaN from pandas. `fillna` treats both alike; an
    # imputer knows one of them only, and the other would be a skew between training and serving.
    absent = FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": _ABSENT}, feature_names_out="one-to-one")
    categories = Pipeline([("absent", absent), ("encode", encoder)])
    parts = [("numeric", numbers, list(columns.numeric)), ("categorical", categories, list(columns.categorical))]
    features = ColumnTransformer([part for part in parts if part[2]], remainder="drop")
    return Pipeline([("features", features), ("estimator", estimator)])


def fit(pipeline: Any, train: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """Fits in place; returns what scikit-learn warned of (such as no convergence), each once.

    Raises:
        DataFault: the estimator refuses the data.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline.fit(train[list(columns.features)], train[columns.label])
        except (ValueError, TypeError) as error:
            raise DataFault("FitRefused", f"{type(pipeline[-1]).__name__} refuses the data: {error}") from error
    return tuple(dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught))
