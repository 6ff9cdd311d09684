"""The served model: directory → schema, table, labels. Pure computation; nothing here knows HTTP or counts anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from slipway_serving.service.predictor import Predictor, load_predictor
from slipway_serving.service.profile import Profile, ReferenceFeature, read_profile
from slipway_serving.service.schema import Schema, schema_of

_DTYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}


class ModelFault(Exception):
    """The model answered something that is no answer."""


@dataclass(frozen=True)
class Answer:
    """`labels` are JSON-native, one per instance; `classes` their indices, None for a regression."""

    labels: list[Any]
    classes: NDArray[np.intp] | None


class ServedModel:
    """One loaded model with its schema and reference profile."""

    def __init__(self, predictor: Predictor, schema: Schema, profile: Profile) -> None:
        self.schema = schema
        self.profile = profile
        self._predictor = predictor
        self._labels = list(predictor.classes) if predictor.classes is not None else None
        names = [column.name for column in schema.columns]
        positions = {name: index for index, name in enumerate(names)}
        self.features = tuple(feature for feature in profile.features if feature.name in positions)
        self._positions = [positions[feature.name] for feature in self.features]
        self._categories = [_categories(feature) for feature in self.features]
        self._decision = _binary_decision(self._labels, profile)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels of predictions in metrics; none for a regression."""
        return tuple(str(label) for label in self._labels or ())

    def table(self, columns: Sequence[list[Any]]) -> Any:
        """What the model takes: a DataFrame for named features, else a matrix."""
        if not self.schema.named:
            return np.array(columns, np.float64).T
        import pandas as pd  # a matrix model never needs it, and it costs a second to import

        arrays = {}
        for column, values in zip(self.schema.columns, columns, strict=True):
            dtype = _DTYPES.get(column.type, "object")
            missing = any(value is None or value != value for value in values)
            if missing and dtype not in ("float64", "float32"):
                dtype = "float64" if column.numeric else "object"
            arrays[column.name] = np.array(values, "datetime64[ns]" if column.type == "datetime" else dtype)
        return pd.DataFrame(arrays, copy=False)

    def measured(self, columns: Sequence[list[Any]]) -> NDArray[np.float64]:
        """A row per instance and a column per profiled feature: its number, or its category's index; NaN if missing."""
        rows = np.empty((len(columns[0]), len(self.features)))
        for index, (position, categories) in enumerate(zip(self._positions, self._categories, strict=True)):
            values = columns[position]
            if categories is None:
                rows[:, index] = [np.nan if value is None else value for value in values]
            else:
                unseen = len(categories)
                rows[:, index] = [np.nan if _missing(one) else categories.get(str(one), unseen) for one in values]
        return rows

    def answer(self, columns: Sequence[list[Any]]) -> Answer:
        """Predicts. Raises whatever the model raises, and ModelFault for an answer that is none."""
        table = self.table(columns)
        if self._labels is None:
            numbers = np.asarray(self._predictor.predict(table), np.float64).reshape(len(columns[0]), -1)
            if not np.isfinite(numbers).all():
                raise ModelFault("the model answered a number that is not finite")
            return Answer(numbers[:, 0].tolist() if numbers.shape[1] == 1 else numbers.tolist(), None)
        classes = self._classify(table, self._labels)
        return Answer([self._labels[index] for index in classes.tolist()], classes)

    def _classify(self, table: Any, labels: list[Any]) -> NDArray[np.intp]:
        probabilities = self._predictor.probabilities(table)
        if probabilities is None:
            positions = {label: index for index, label in enumerate(labels)}
            return np.array([positions[label] for label in self._predictor.predict(table).tolist()], np.intp)
        if not np.isfinite(probabilities).all():
            raise ModelFault("the model answered a probability that is not finite")
        if self._decision is None:
            return np.asarray(np.argmax(probabilities, axis=1), np.intp)
        positive, threshold = self._decision
        return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive).astype(np.intp)


def load_model(directory: Path) -> ServedModel:
    """Loads an MLflow model directory, and asks the model once which missing values it tolerates (which warms it up).

    Raises UnsupportedModel, ValueError, OSError and whatever unpickling raises.
    """
    description = yaml.safe_load((directory / "MLmodel").read_text())
    profile = read_profile(directory)
    predictor = load_predictor(directory, description["flavors"])
    inputs = (description.get("signature") or {}).get("inputs")
    schema = schema_of(json.loads(inputs) if inputs else None, profile, predictor.width)
    model = ServedModel(predictor, schema, profile)
    model.schema = schema.nullable(frozenset(_tolerated(model)))
    return model


def _tolerated(model: ServedModel) -> list[str]:
    """Names of features whose absence the model survives: asked all at once, then one by one."""
    columns = model.schema.columns
    reference = model.profile.named()
    typical = [[_typical(column.type, reference.get(column.name))] for column in columns]
    absent = [[column.read(None)] for column in columns]
    names = [column.name for column in columns]
    if not _survives(model, typical) or _survives(model, absent):
        return names  # a model that fails on a typical row is not for us to judge: its errors are counted
    return [
        column.name
        for index, column in enumerate(columns)
        if _survives(model, [*typical[:index], absent[index], *typical[index + 1 :]])
    ]


def _survives(model: ServedModel, columns: Sequence[list[Any]]) -> bool:
    try:
        model.answer(columns)
    except Exception:  # any exception of foreign code means the same here
        return False
    return True


def _typical(kind: str, feature: ReferenceFeature | None) -> Any:
    if feature and feature.numeric and feature.edges and kind in _DTYPES:
        middle = feature.edges[len(feature.edges) // 2]
        return middle if kind in ("double", "float") else int(middle)
    if feature and feature.values and kind == "string":
        return feature.values[int(np.argmax(feature.counts))]
    return {"string": "", "boolean": False, "datetime": "2026-01-01"}.get(kind, 0)


def _binary_decision(labels: list[Any] | None, profile: Profile) -> tuple[int, float] | None:
    """Index of the positive class and its threshold; None where the most probable class wins."""
    names = [str(label) for label in labels or ()]
    if len(names) != 2 or profile.positive not in names:
        return None
    return names.index(profile.positive), profile.threshold


def _categories(feature: ReferenceFeature) -> dict[str, int] | None:
    return None if feature.numeric else {value: index for index, value in enumerate(feature.values)}


def _missing(value: Any) -> bool:
    return value is None or value != value
