"""The estimators that `trainer: {type: BuiltIn}` may name, and their parameters from strings."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from typing import Any

from slipway_pipelines.faults import DataFault

# An allow-list, since a manifest's author may not be the one who may run code in this pod. Classifiers all have
# predict_proba: evaluation, thresholds and drift of predictions need scores.
_CLASSIFIERS = {
    "LogisticRegression": "linear_model", "SGDClassifier": "linear_model",
    "RandomForestClassifier": "ensemble", "ExtraTreesClassifier": "ensemble",
    "HistGradientBoostingClassifier": "ensemble", "GradientBoostingClassifier": "ensemble",
    "DecisionTreeClassifier": "tree", "KNeighborsClassifier": "neighbors", "GaussianNB": "naive_bayes",
    "MLPClassifier": "neural_network", "DummyClassifier": "dummy",
}  # fmt: skip
_REGRESSORS = {
    "LinearRegression": "linear_model", "Ridge": "linear_model", "Lasso": "linear_model", "ElasticNet": "linear_model",
    "SGDRegressor": "linear_model",
    "RandomForestRegressor": "ensemble", "ExtraTreesRegressor": "ensemble", "HistGradientBoostingRegressor": "ensemble",
    "GradientBoostingRegressor": "ensemble", "DecisionTreeRegressor": "tree", "KNeighborsRegressor": "neighbors",
    "MLPRegressor": "neural_network", "DummyRegressor": "dummy",
}  # fmt: skip
_MODULES: Mapping[str, Mapping[str, str]] = {
    "BinaryClassification": _CLASSIFIERS,
    "MulticlassClassification": _CLASSIFIERS,
    "Regression": _REGRESSORS,
}
# The names of the API, which mean one estimator for classes and another for numbers.
_CLASSIFIER_NAMES = {
    "Linear": "LogisticRegression", "RandomForest": "RandomForestClassifier", "NaiveBayes": "GaussianNB",
    "GradientBoosting": "HistGradientBoostingClassifier", "NearestNeighbours": "KNeighborsClassifier",
    "NeuralNetwork": "MLPClassifier", "StochasticGradient": "SGDClassifier",
    "Rules": "DummyClassifier",
}  # fmt: skip
_REGRESSOR_NAMES = {
    "Linear": "Ridge", "RandomForest": "RandomForestRegressor", "GradientBoosting": "HistGradientBoostingRegressor",
    "NearestNeighbours": "KNeighborsRegressor", "NeuralNetwork": "MLPRegressor", "StochasticGradient": "SGDRegressor",
    "Rules": "DummyRegressor",
}  # fmt: skip
# What stands instead of scikit-learn's defaults: a hinge loss has no probabilities, and its schedule takes such large
# steps that the order of the last rows decides (docs/decisions/0038-incremental.md).
_INSTEAD: Mapping[str, Mapping[str, Any]] = {
    "SGDClassifier": {"loss": "log_loss", "learning_rate": "constant", "eta0": 0.01}
}
# Labels are text, so a parameter that means a class must stay text although it looks like a number.
_CLASS_NAMES = frozenset({"constant"})


def build_estimator(task_type: str, name: str, parameters: Mapping[str, str], seed: int) -> Any:
    """An unfitted scikit-learn estimator.

    Args:
        parameters: values as the manifest writes them, such as "0.1", "None", "l2" or "[50, 20]".
        seed: becomes `random_state` where the estimator has one and `parameters` does not set it.

    Raises:
        DataFault: an unknown estimator, parameter or value; the message names the legal ones.
    """
    modules = _MODULES.get(task_type)
    if modules is None:
        message = f"this version trains {', '.join(_MODULES)}; the task's type is {task_type}"
        raise DataFault("TaskTypeUnsupported", message)
    names = _REGRESSOR_NAMES if task_type == "Regression" else _CLASSIFIER_NAMES
    found = names.get(name, name)
    if found not in modules:
        legal = ", ".join((*names, *modules))
        raise DataFault("EstimatorUnknown", f"estimator {name!r} is not one for {task_type}: {legal}")
    estimator = getattr(importlib.import_module(f"sklearn.{modules[found]}"), found)(**_INSTEAD.get(found, {}))
    known = estimator.get_params(deep=False)
    for unknown in sorted(set(parameters) - set(known)):
        raise DataFault("ParameterUnknown", f"{found} has no parameter {unknown!r}; it has {', '.join(sorted(known))}")
    chosen = {key: parameter_value(key, text, task_type) for key, text in parameters.items()}
    if "random_state" in known:
        chosen.setdefault("random_state", seed)
    return _checked(estimator.set_params(**chosen), found, task_type)


def parameter_value(key: str, text: str, task_type: str) -> Any:
    """A Python or JSON literal where the text is one, else the text itself."""
    if key in _CLASS_NAMES and task_type != "Regression":
        return text
    words = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _checked(estimator: Any, name: str, task_type: str) -> Any:
    """scikit-learn checks values only in `fit`; asking now names a wrong one before any data is read."""
    try:
        estimator._validate_params()
    except ValueError as error:
        raise DataFault("ParameterValue", f"{name}: {error}") from error
    if task_type != "Regression" and not hasattr(estimator, "predict_proba"):
        raise DataFault("ParameterValue", f"{name}: with these parameters, such as its loss, it has no probabilities")
    return estimator
