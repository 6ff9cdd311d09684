"""What a flavour predicts, read as answers: labels, classes, scores. Nothing here knows a flavour or HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slipway.features.calibration import calibrated
from slipway.features.decision import Decision

from slipway_serving.service.predictor import Prediction
from slipway_serving.service.profile import Profile


class ModelFault(Exception):
    """The model answered something that is no answer."""


@dataclass(frozen=True)
class Answer:
    """`labels` are JSON-native, one per instance; `classes` their indices, None where no classes are known.

    `scores` are the positive class's probabilities where the profile names one of two classes, the answers' own
    probabilities for other classifiers, the answers themselves for a regression; None without any. `threshold` is what
    a score was compared with; None where the most probable class answers. `decided_by` is the index of the rule that
    answered each instance, -1 for the model; None for a model without rules. The score of a rule's answer is NaN.
    """

    labels: list[Any]
    classes: NDArray[np.intp] | None
    scores: NDArray[np.float64] | None = None
    threshold: float | None = None
    decided_by: NDArray[np.intp] | None = None

    def known_scores(self) -> list[float | None]:
        """A score per instance, as it is stored: None where the model gave none, or was not asked."""
        if self.scores is None:
            return [None] * len(self.labels)
        return [None if score != score else score for score in self.scores.tolist()]


class AnswerReader:
    """Reads predictions of one model. Where the model does not name its classes, its profile may: as text.

    `decision` calibrates and cuts the scores; without one the profile's threshold does.
    """

    def __init__(self, classes: Sequence[Any] | None, profile: Profile, decision: Decision | None = None) -> None:
        self._own = classes is not None
        self.classes: list[Any] | None = list(classes) if classes is not None else (list(profile.classes) or None)
        self._names = {str(label): index for index, label in enumerate(self.classes or ())}
        given = decision.threshold if decision is not None else None
        self._threshold = profile.threshold if given is None else given
        self._calibration = decision.calibration if decision is not None else None
        binary = len(self._names) == 2 and profile.positive in self._names
        self._positive = self._names[str(profile.positive)] if binary else None

    def read(self, prediction: Prediction, rows: int) -> Answer:
        """The answer for `rows` instances. Raises ModelFault."""
        values, probabilities = prediction.values, prediction.probabilities
        if values is not None:
            values = _flat(values)
            _check_rows(values, rows)
        if self.classes is not None and probabilities is None and not self._own:
            probabilities = self._probable(values)
        if probabilities is not None:
            _check_rows(probabilities, rows)
            if not np.isfinite(probabilities).all():
                raise ModelFault("the model answered a probability that is not finite")
        if self.classes is None:
            return _plain(values, probabilities)
        if probabilities is not None:
            return self._decided(probabilities, self.classes)
        indices = np.array([self._index(value) for value in _listed(values)], np.intp)
        return Answer([self.classes[index] for index in indices.tolist()], indices)

    def _decided(self, probabilities: NDArray[np.float64], classes: list[Any]) -> Answer:
        if probabilities.shape[1:] != (len(classes),):
            raise ModelFault(f"the model answered {probabilities.shape[1:]} probabilities for {len(classes)} classes")
        if self._positive is None:
            indices = np.argmax(probabilities, axis=1)
            scores, threshold = probabilities.max(axis=1), None
        else:
            scores, threshold = probabilities[:, self._positive], self._threshold
            if self._calibration is not None:
                scores = calibrated(self._calibration, scores)
            indices = np.where(scores >= threshold, self._positive, 1 - self._positive)
        return Answer([classes[index] for index in indices.tolist()], indices.astype(np.intp), scores, threshold)

    def _probable(self, values: Any) -> NDArray[np.float64] | None:
        """Numbers of a model whose classes the profile names: the positive class's probability, or one per class.

        None for anything else, which then must be labels.
        """
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            return None
        count = len(self._names)
        if values.ndim == 1 and count == 2:
            positive = 1 if self._positive is None else self._positive
            probabilities = np.empty((len(values), 2))
            probabilities[:, positive], probabilities[:, 1 - positive] = values, 1 - values
        elif values.ndim == 2 and values.shape[1] == count:
            probabilities = values.astype(np.float64)
        else:
            return None
        if (np.abs(probabilities.sum(axis=1) - 1) > 1e-3).any() or (probabilities < -1e-6).any():
            raise ModelFault(
                "the model answered numbers that are no probabilities of the classes in its profile: let it end in a "
                "softmax or a sigmoid, or leave `classes` out of slipway/profile.json"
            )
        return probabilities

    def _index(self, value: Any) -> int:
        name = str(int(value)) if isinstance(value, float) and value.is_integer() and not self._own else str(value)
        if name not in self._names:
            raise ModelFault(f"the model answered {name[:100]!r}, which is none of its classes")
        return self._names[name]


def _plain(values: Any, probabilities: NDArray[np.float64] | None) -> Answer:
    """Without known classes: numbers of a regression, or labels as the model says them."""
    if values is None:
        raise ModelFault("the model answered probabilities of classes that nothing names: give them in its profile")
    labels = [_native(value) for value in _listed(values)]
    if probabilities is not None:
        return Answer(labels, None, probabilities.max(axis=1) if probabilities.ndim == 2 else probabilities)
    numeric = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "fiu"
    return Answer(labels, None, values.astype(np.float64) if numeric else None)


def _flat(values: Any) -> Any:
    """Arrays of one column, as several libraries answer for one output, become flat."""
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array is None:
        return values
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _array(values: Any) -> NDArray[Any] | None:
    """A list of plain numbers as an array; None for what is none."""
    if isinstance(values, list | tuple) and values and all(isinstance(one, float | int | np.number) for one in values):
        return np.asarray(values)
    return None


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _check_rows(values: Any, rows: int) -> None:
    count = len(values) if hasattr(values, "__len__") and not isinstance(values, str | bytes | Mapping) else -1
    if count != rows:
        raise ModelFault(f"the model answered {'no list' if count < 0 else f'{count} rows'} for {rows} instances")


def _native(value: Any) -> Any:
    """What JSON can carry. Raises ModelFault for what it cannot."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ModelFault("the model answered a number that is not finite")
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _native(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): _native(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_native(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    raise ModelFault(f"the model answered a {type(value).__name__}, which JSON cannot carry")
