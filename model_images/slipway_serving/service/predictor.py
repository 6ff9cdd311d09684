"""A model that answers tables: what the server needs of a flavour, and how it is loaded.

MLflow itself is not imported but for plain Python functions: its import costs 0.9 s of CPU and 47 MiB, for formats
that are a YAML file beside the file of a library.
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

from slipway_serving.service.flavours.supported import choose_flavour
from slipway_serving.service.signature import Signature


@dataclass(frozen=True)
class Prediction:
    """What a flavour predicts: `values`, a label or a number or a list of them per row, or `probabilities`, a row per
    row in the order of the predictor's classes; or both."""

    values: NDArray[Any] | Sequence[Any] | None
    probabilities: NDArray[np.float64] | None = None


class Predictor(Protocol):
    """One loaded model of any flavour."""

    @property
    def classes(self) -> Sequence[Any] | None:
        """The labels in the order of the probabilities' columns, JSON-native; None where the model does not say."""

    @property
    def inputs(self) -> Signature:
        """What the model itself says of its inputs, for one that was saved without a signature."""

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """Predicts for what `table.build_table` made; `parameters` holds all that the signature declares."""


def load_predictor(directory: Path, flavours: Mapping[str, Any]) -> Predictor:
    """Loads the model of an MLflow directory by its flavours (the member of that name in `MLmodel`).

    This runs code from the model: only ever in a pod without credentials. Raises UnsupportedModel.
    """
    flavour = choose_flavour(flavours)
    code = {str(one["code"]) for one in flavours.values() if isinstance(one, Mapping) and one.get("code")}
    sys.path[:0] = [str(directory / folder) for folder in sorted(code)]
    loader = importlib.import_module(f"slipway_serving.service.flavours.{flavour.name}")
    predictor: Predictor = loader.load(directory, flavours[flavour.name])
    return predictor
