"""scikit-learn, and every library that speaks its interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.flavours.pickled import load_object
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import Signature, TensorSpec


class SklearnPredictor:
    """An estimator. It knows no inference parameters, as in MLflow's own flavour.

    A matrix is as wide as `n_features_in_`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        classes, width = getattr(model, "classes_", None), getattr(model, "n_features_in_", None)
        several = isinstance(classes, list)  # an array of classes for each of several outputs
        self.classes: Sequence[Any] | None = None if classes is None or several else np.asarray(classes).tolist()
        self.inputs = Signature(tensors=(TensorSpec(None, "float64", (-1, width)),)) if width else Signature()
        self._probable = self.classes is not None and hasattr(model, "predict_proba")

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """`predict_proba` of a classifier that has it, else `predict`."""
        if self._probable:
            return Prediction(None, np.asarray(self._model.predict_proba(table), np.float64))
        return Prediction(np.asarray(self._model.predict(table)))


def load(directory: Path, flavour: Mapping[str, Any]) -> SklearnPredictor:
    """The estimator of MLflow's flavour `sklearn`."""
    return SklearnPredictor(load_object(directory / flavour["pickled_model"], flavour, "pickle"))
