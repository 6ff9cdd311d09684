"""Plain Python functions: MLflow's own loader, since what it hands to them is its own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import Signature


class FunctionPredictor:
    """Any object with MLflow's `predict`. It may answer arrays, lists, Series, DataFrames, or arrays by name."""

    classes: Sequence[Any] | None = None
    inputs = Signature()

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """`predict`; a DataFrame of several columns becomes an object by column for each row."""
        return Prediction(rows_of(self._model.predict(table, params=dict(parameters) or None)))


def rows_of(answer: Any) -> Any:
    """One value per row from whatever tabular shape a function answers in."""
    if isinstance(answer, Mapping):
        columns = {str(name): np.asarray(values) for name, values in answer.items()}
        return _records(columns)
    if hasattr(answer, "columns"):
        return _records({str(name): answer[name].to_numpy() for name in answer.columns})
    return answer.to_numpy() if hasattr(answer, "to_numpy") else answer


def _records(columns: Mapping[str, Any]) -> Any:
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def load(directory: Path, flavour: Mapping[str, Any]) -> FunctionPredictor:
    """The model of MLflow's flavour `python_function`."""
    return FunctionPredictor(importlib.import_module("mlflow.pyfunc").load_model(str(directory)))
