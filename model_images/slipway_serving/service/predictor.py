"""A model that answers tables: what the server needs of a flavour, and scikit-learn's.

MLflow itself is not imported: its import costs 0.9 s of CPU and 47 MiB, for a format that is a YAML file beside a
pickled object.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Predictor(Protocol):
    """One loaded model of any flavour."""

    @property
    def classes(self) -> Sequence[Any] | None:
        """The labels in the order of the probabilities' columns; None for a regression."""

    @property
    def width(self) -> int | None:
        """How many features it was fitted on, where it says so."""

    def predict(self, table: Any) -> NDArray[Any]:
        """A label or a number per row."""

    def probabilities(self, table: Any) -> NDArray[np.float64] | None:
        """A row of probabilities per row, None where the model has none."""


@dataclass(frozen=True)
class SklearnPredictor:
    """scikit-learn's interface."""

    model: Any

    @property
    def classes(self) -> Sequence[Any] | None:
        """`classes_` of a classifier, as JSON-native values."""
        classes = getattr(self.model, "classes_", None)
        return None if classes is None else np.asarray(classes).tolist()

    @property
    def width(self) -> int | None:
        """`n_features_in_`."""
        return getattr(self.model, "n_features_in_", None)

    def predict(self, table: Any) -> NDArray[Any]:
        """`predict`."""
        return np.asarray(self.model.predict(table))

    def probabilities(self, table: Any) -> NDArray[np.float64] | None:
        """`predict_proba`, where there is one."""
        if not hasattr(self.model, "predict_proba"):
            return None
        return np.asarray(self.model.predict_proba(table), np.float64)


class UnsupportedModel(Exception):
    """A model directory that this server cannot load; the message says why."""


def load_predictor(directory: Path, flavours: Mapping[str, Any]) -> Predictor:
    """Loads the model of an MLflow directory by its flavours (the member of that name in `MLmodel`).

    This runs code from the model: only ever in a pod without credentials. Raises UnsupportedModel.
    """
    code = flavours.get("python_function", {}).get("code")
    if code:
        sys.path.insert(0, str(directory / code))
    if "sklearn" in flavours:
        return SklearnPredictor(_load_sklearn(directory, flavours["sklearn"]))
    raise UnsupportedModel(f"no loader for the flavours {', '.join(sorted(flavours))}: sklearn is supported")


def _load_sklearn(directory: Path, flavour: Mapping[str, Any]) -> Any:
    path = directory / flavour["pickled_model"]
    serialisation = flavour.get("serialization_format", "pickle")
    if serialisation == "skops":
        return importlib.import_module("skops.io").load(path, trusted=flavour.get("skops_trusted_types"))
    if serialisation not in ("pickle", "cloudpickle"):
        raise UnsupportedModel(f"the model is serialised as {serialisation}, which is unknown here")
    with path.open("rb") as file:
        return importlib.import_module(serialisation).load(file)
