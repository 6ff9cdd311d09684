"""An estimator whose fit and answers happen in the process of the user's code; the last step of our pipelines."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from slipway_pipelines.faults import DataFault
from slipway_pipelines.function.client import Built, Code


class FunctionEstimator(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's API over `Code`. `known` are the estimator's own parameters, for the record."""

    def __init__(
        self,
        code: Code,
        name: str,
        parameters: Mapping[str, Any],
        known: Mapping[str, Any],
        seed: int,
        classifies: bool,
    ) -> None:
        self.code, self.name, self.parameters, self.known = code, name, parameters, known
        self.seed, self.classifies = seed, classifies

    def __sklearn_clone__(self) -> FunctionEstimator:
        return FunctionEstimator(self.code, self.name, self.parameters, self.known, self.seed, self.classifies)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "number_")

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: what is saved is what the other process has pickled."""
        return {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Those of the user's estimator."""
        return dict(self.known)

    def fit(self, inputs: Any, label: Any) -> FunctionEstimator:
        """Raises DataFault."""
        number = self.code.number()
        header = {"do": "fit", "number": number, "seed": self.seed, "classifies": self.classifies}
        told, _ = self.code.ask(header, {"parameters": self.parameters, "inputs": inputs, "label": label})
        for text in told.get("warnings") or ():
            warnings.warn(str(text), stacklevel=2)
        self.number_ = number
        weakref.finalize(self, self.code.forgotten.append, number)
        if self.classifies:
            self.classes_ = np.array([str(one) for one in told.get("classes") or ()])
        return self

    def predict(self, inputs: Any) -> np.ndarray:
        """Labels, or the numbers of a regression; shape (rows,)."""
        found = self._answer("predict", inputs)
        return found if self.classifies else self._finite(found, "predict")

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Shape (rows, classes)."""
        found = self._finite(self._answer("predict_proba", inputs), "predict_proba")
        if found.shape[1] != len(self.classes_):
            message = (
                f"{self.code.entrypoint}: predict_proba has {found.shape[1]} columns, classes_ {len(self.classes_)}"
            )
            raise DataFault("FunctionAnswers", message)
        return found

    def built(self, steps: list[tuple[str, Any]], inputs: Any) -> Built:
        """The pipeline of `steps` and the fitted estimator as it is served, tried on some rows of features."""
        header = {"do": "model", "number": self.number_, "classifies": self.classifies}
        told, model = self.code.ask(header, {"steps": steps, "inputs": inputs})
        return Built(model, tuple(map(str, told.get("modules") or ())), tuple(map(str, told.get("imported") or ())))

    def _answer(self, method: str, inputs: Any) -> np.ndarray:
        found = self.code.array({"do": "answer", "number": self.number_, "method": method}, inputs)
        if found.ndim != (2 if method == "predict_proba" else 1) or len(found) != len(inputs):
            message = f"{self.code.entrypoint}: {method} has the shape {found.shape} for {len(inputs)} rows"
            raise DataFault("FunctionAnswers", message)
        return found

    def _finite(self, found: np.ndarray, method: str) -> np.ndarray:
        if found.dtype.kind not in "fiub":
            raise DataFault("FunctionAnswers", f"{self.code.entrypoint}: {method} answers no numbers")
        if not np.isfinite(found).all():
            raise DataFault("FunctionAnswers", f"{self.code.entrypoint}: {method} answers nan or infinity")
        return found.astype(float)
