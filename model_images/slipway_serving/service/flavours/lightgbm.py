"""LightGBM: a Booster, or the estimators around it, which speak scikit-learn's interface."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.flavours.pickled import load_object
from slipway_serving.service.flavours.sklearn import SklearnPredictor
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import Signature, TensorSpec

_BOOSTER = "lightgbm.basic.Booster"


class BoosterPredictor:
    """A Booster answers numbers: of a classifier they are probabilities, and only a profile names their classes."""

    classes: Sequence[Any] | None = None

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self.inputs = Signature(tensors=(TensorSpec(None, "float64", (-1, booster.num_feature())),))

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """`Booster.predict`, which is safe to call from several threads; like MLflow's it takes no parameters."""
        return Prediction(np.asarray(self._booster.predict(table)))


def load(directory: Path, flavour: Mapping[str, Any]) -> BoosterPredictor | SklearnPredictor:
    """The model of MLflow's flavour `lightgbm`. Raises UnsupportedModel for an unknown serialisation."""
    library = importlib.import_module("lightgbm")
    path = directory / flavour["data"]
    if flavour.get("model_class", _BOOSTER) == _BOOSTER:
        return BoosterPredictor(library.Booster(model_file=str(path)))
    return SklearnPredictor(load_object(path, flavour, "cloudpickle"))
