"""From features to what an estimator takes: chosen on train rows alone, and fitted within the model's Pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.api.v1alpha1.training_data import Missing
from slipway.features.derived import with_expressions

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

MOST_ONE_HOT = 32
"""Categories of a one-hot encoded feature: the table stays dense, as HistGradientBoosting and GaussianNB need it."""

_MOST_WORDS = 256  # columns that a text becomes
_FOLDS = 5  # of the target encoding of train rows
_ABSENT = "(missing)"


@dataclass(frozen=True)
class Preparation:
    """What train rows decided.

    Attributes:
        dropped: features of which too much is missing; they stay inputs, so that requests need not change.
        by_target: categorical features of many values, encoded by what their values mean for the label.
        continuous: whether the label is a number.
    """

    dropped: tuple[str, ...] = ()
    by_target: tuple[str, ...] = ()
    continuous: bool = False


DEFAULT = Preparation()


def prepared(train: pd.DataFrame, columns: Columns, missing: Missing, continuous: bool, record: Record) -> Preparation:
    """Chooses by the share of missing values and by cardinality, on train rows.

    Raises:
        DataFault: no feature has enough values.
    """
    shares = {name: float(train[name].isna().mean()) for name in columns.features}
    record.facts |= {f"missing.{name}": round(share, 4) for name, share in shares.items() if share}
    dropped = tuple(name for name, share in shares.items() if share >= float(missing.drop_from.fraction))
    for name, share in shares.items():
        if name in dropped:
            record.warn(
                "ColumnDropped",
                f"{share:.0%} of {name!r} are missing, from {missing.drop_from.text} on a column is not used: name "
                "another source, or take the feature out",
                name,
            )
        elif share > float(missing.indicate_up_to.fraction):
            message = f"{share:.1%} of {name!r} are missing: imputed, with an indicator, and worth a look at the source"
            record.warn("ColumnSparse", message, name)
    if len(dropped) == len(columns.features):
        raise DataFault("NoFeatures", f"of every feature {missing.drop_from.text} or more are missing")
    return Preparation(dropped, _of_many_values(train, columns, dropped, record), continuous)


def _of_many_values(train: pd.DataFrame, columns: Columns, dropped: tuple[str, ...], record: Record) -> tuple[str, ...]:
    counts = {name: int(train[name].nunique()) for name in columns.categorical if name not in dropped}
    many = tuple(name for name, count in counts.items() if count > MOST_ONE_HOT)
    for name in many:
        message = f"{name!r} has {counts[name]} values in train: encoded by target, not as a column for each"
        record.note("EncodedByTarget", message, name)
    return many


def preprocessing(columns: Columns, chosen: Preparation) -> list[tuple[str, Any]]:
    """Unfitted steps of a scikit-learn Pipeline, in their order."""
    from sklearn.compose import ColumnTransformer

    used = tuple(name for name in columns.features if name not in chosen.dropped)
    numeric = [name for name in columns.numeric if name in used] + list(columns.expressions)
    one_hot = [name for name in columns.categorical if name in used and name not in chosen.by_target]
    parts = [
        ("numeric", _numbers(), numeric),
        ("categorical", _one_hot(), one_hot),
        ("many_valued", _by_target(chosen.continuous), list(chosen.by_target)),
        *((f"text_{name}", _words(), name) for name in columns.text if name in used),
    ]
    features = ColumnTransformer([part for part in parts if part[2]], remainder="drop", sparse_threshold=0)
    return [*_derivation(columns), ("features", features)]


def _derivation(columns: Columns) -> list[tuple[str, Any]]:
    from sklearn.preprocessing import FunctionTransformer

    if not columns.expressions:
        return []
    kinds = dict.fromkeys(columns.numeric, "number") | dict.fromkeys(columns.categorical, "text")
    arguments = {"expressions": dict(columns.expressions), "kinds": kinds}
    arguments = {"expressions": dict(columns.expressions), "kinds": kinds}
    return [("derive", FunctionTransformer(with_expressions, kw_args=arguments))]


def _numbers() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", imputer), ("scale", StandardScaler())])


def _present() -> Any:
    """A missing category arrives as None from JSON and Parquet, as NaN from pandas. `fillna` treats both alike; an
    imputer knows one of them only, and the other would be a skew between training and serving."""
    import pandas as pd
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": _ABSENT}, feature_names_out="one-to-one")


def _one_hot() -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_ONE_HOT, sparse_output=False)
    return Pipeline([("absent", _present()), ("encode", encoder)])


def _by_target(continuous: bool) -> Any:
    """Train rows are encoded out of fold, so that no row sees its own label (Micci-Barreca 2001)."""
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    folds = (KFold if continuous else StratifiedKFold)(_FOLDS, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous" if continuous else "auto", cv=folds)
    return Pipeline([("absent", _present()), ("encode", encoder), ("scale", StandardScaler())])


def _words() -> Any:
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    absent = FunctionTransformer(pd.Series.fillna, kw_args={"value": ""})
    return Pipeline([("absent", absent), ("words", TfidfVectorizer(max_features=_MOST_WORDS, sublinear_tf=True))])
