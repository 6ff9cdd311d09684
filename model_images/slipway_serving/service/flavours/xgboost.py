"""XGBoost: a Booster, or the estimators around it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.flavours.supported import UnsupportedModel
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec

_BOOSTER = "xgboost.core.Booster"


class BoosterPredictor:
    """A Booster answers numbers: of a classifier they are probabilities, and only a profile names their classes."""

    classes: Sequence[Any] | None = None

    def __init__(self, booster: Any, matrix: Callable[[Any], Any]) -> None:
        self._booster = booster
        self._matrix = matrix
        self._accepts = _keywords(booster.predict)
        self.inputs = booster_inputs(booster)

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """`Booster.predict`, which is safe to call from several threads."""
        known = {name: value for name, value in parameters.items() if name in self._accepts}
        return Prediction(np.asarray(self._booster.predict(self._matrix(table), **known)))


class EstimatorPredictor:
    """XGBClassifier, XGBRegressor and their kin."""

    def __init__(self, model: Any) -> None:
        self._model = model
        classes = getattr(model, "classes_", None)
        self.classes: Sequence[Any] | None = None if classes is None else np.asarray(classes).tolist()
        self._accepts = _keywords(model.predict)
        self._probabilities = _keywords(model.predict_proba) if self.classes is not None else frozenset()
        self.inputs = booster_inputs(model.get_booster())

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """`predict_proba` where the parameters leave it the choice, else `predict`, which MLflow calls."""
        known = {name: value for name, value in parameters.items() if name in self._accepts}
        if self.classes is not None and known.keys() <= self._probabilities:
            return Prediction(None, np.asarray(self._model.predict_proba(table, **known), np.float64))
        return Prediction(np.asarray(self._model.predict(table, **known)))


def load(directory: Path, flavour: Mapping[str, Any]) -> BoosterPredictor | EstimatorPredictor:
    """The model of MLflow's flavour `xgboost`. Raises UnsupportedModel for a class of another library."""
    name = str(flavour.get("model_class", _BOOSTER))
    module, _, member = name.rpartition(".")
    if module.split(".")[0] != "xgboost":
        raise UnsupportedModel(f"the model's class {name} is none of xgboost")
    model = getattr(importlib.import_module(module), member)()
    model.load_model(str(directory / flavour["data"]))
    if name != _BOOSTER:
        return EstimatorPredictor(model)
    return BoosterPredictor(model, importlib.import_module("xgboost").DMatrix)


def booster_inputs(booster: Any) -> Signature:
    """The features that a Booster was trained on, by name where it has names."""
    if booster.feature_names:
        return Signature(columns=tuple(ColumnSpec(name, "double") for name in booster.feature_names))
    return Signature(tensors=(TensorSpec(None, "float64", (-1, booster.num_features())),))


def _keywords(function: Callable[..., Any]) -> frozenset[str]:
    """The inference parameters that a method of the model takes; MLflow ignores all others too."""
    return frozenset(list(inspect.signature(function).parameters)[1:])
