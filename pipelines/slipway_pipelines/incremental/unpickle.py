"""Reading a fitted Pipeline back: only what trainings of ours put into one is created, by exact name.

This pod has the credentials of the data. A pickle calls whatever it names, so one from the registry must not be loaded
as it is, whoever could write there: what is not on the list is refused before it is imported.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LOSSES = ("CyHalfBinomialLoss", "CyHalfSquaredError", "CyHalfMultinomialLoss")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "builtins": ("slice",),
    "numpy": ("dtype", "float64", "ndarray"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.random._mt19937": ("MT19937",),
    "numpy.random._pickle": ("__bit_generator_ctor", "__randomstate_ctor"),
    "pandas.core.generic": ("NDFrame.fillna",),
    "sklearn._loss._loss": _LOSSES,
    "sklearn.compose._column_transformer": ("ColumnTransformer",),
    "sklearn.feature_extraction.text": ("TfidfTransformer", "TfidfVectorizer"),
    "sklearn.impute._base": ("MissingIndicator", "SimpleImputer"),
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive", "Hinge", "Huber", "ModifiedHuber", "SquaredEpsilonInsensitive", "SquaredHinge",
    ),
    "sklearn.linear_model._stochastic_gradient": ("SGDClassifier", "SGDRegressor"),
    "sklearn.model_selection._split": ("KFold", "StratifiedKFold"),
    "sklearn.naive_bayes": ("GaussianNB",),
    "sklearn.neural_network._multilayer_perceptron": ("MLPClassifier", "MLPRegressor"),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.pipeline": ("Pipeline",),
    "sklearn.preprocessing._data": ("StandardScaler",),
    "sklearn.preprocessing._encoders": ("OneHotEncoder",),
    "sklearn.preprocessing._function_transformer": ("FunctionTransformer",),
    "sklearn.preprocessing._label": ("LabelBinarizer",),
    "sklearn.preprocessing._target_encoder": ("TargetEncoder",),
    "slipway.features.derived": ("with_expressions",),
}  # fmt: skip


class Unreadable(Exception):
    """A pickle that is broken, of other versions, or that names something else."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _ALLOWED.get(module, ()):
            raise Unreadable(f"it holds {module}.{name}, which no estimator that can be continued is made of")
        return super().find_class(module, name)


def read_pipeline(path: Path) -> Any:
    """The fitted Pipeline of a model directory. Raises Unreadable."""
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            found = _Reader(file).load()
        except Unreadable:
            raise
        except InconsistentVersionWarning as error:
            message = f"scikit-learn {error.original_sklearn_version} has fitted it, and this is another version"
            raise Unreadable(message) from error
        except Exception as error:  # pickle raises whatever a broken file leads it to
            raise Unreadable(f"{type(error).__name__}: {error}") from error
    from sklearn.pipeline import Pipeline

    if not isinstance(found, Pipeline):
        raise Unreadable(f"it is a {type(found).__name__}, no Pipeline of preprocessing and estimator")
    return found
