"""The served model: directory → schema, table, labels. Pure computation; nothing here knows HTTP or counts anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from slipway.features.decision import DECISION, Decision, read_decision
from slipway.features.rules import NO_RULE
from slipway.features.slices import spelled

from slipway_serving.service.answers import Answer, AnswerReader, ModelFault
from slipway_serving.service.countable import Countable
from slipway_serving.service.heldout import BaselineRules, load_baseline
from slipway_serving.service.hybrid import ServingRules
from slipway_serving.service.pace import Pace, pace_of
from slipway_serving.service.parameters import Parameters
from slipway_serving.service.predictor import Predictor, load_predictor
from slipway_serving.service.profile import Profile, ReferenceFeature, read_profile
from slipway_serving.service.schema import Column, Schema, schema_of
from slipway_serving.service.signature import read_signature
from slipway_serving.service.table import build_table
from slipway_serving.service.typical import example_row, typical_row


class ServedModel:
    """One loaded model with its schema, inference parameters, reference profile and decision layer.

    `baseline` answers entities that are held out; None for a model that cannot hold out."""

    def __init__(
        self,
        predictor: Predictor,
        schema: Schema,
        profile: Profile,
        parameters: Parameters | None = None,
        decision: Decision | None = None,
    ) -> None:
        self.schema = schema
        self.profile = profile
        self.pace = Pace(math.inf)
        self.parameters = parameters or Parameters()
        self.baseline: BaselineRules | None = None
        self._predictor = predictor
        self._answers = AnswerReader(predictor.classes, profile, decision)
        rules = decision.rules if decision is not None else ()
        self._rules = ServingRules(rules, schema, self._answers.classes) if rules else None
        positions = {column.name: index for index, column in enumerate(schema.columns)}
        self.features = tuple(feature for feature in profile.features if _comparable(feature, positions, schema))
        self._positions = [positions[feature.name] for feature in self.features]
        self._categories = [_categories(feature) for feature in self.features]
        self._slices = [
            (positions[one.name], _places(one.values), one)
            for one in profile.slices
            if one.name in positions and _sliceable(schema.columns[positions[one.name]])
        ]

    @property
    def classes(self) -> list[Any] | None:
        """The labels that the model answers; None where none are known."""
        return self._answers.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels of predictions in metrics; none for a regression."""
        return tuple(str(label) for label in self.classes or ())

    @property
    def countable(self) -> Countable:
        """What of the model's inputs and answers is counted, and by which labels."""
        slices = tuple(one for _, _, one in self._slices)
        known = (self.class_names, self.features, self.profile.scores, self.deciders, slices)
        rules = len(self.baseline) if self.baseline is not None else 0
        return Countable(*known, self._predicted, rules, measured=self.measured, sliced=self.sliced)

    @property
    def _predicted(self) -> tuple[float, ...]:
        """Held-out predictions by class; none where the profile is of other classes, or names none."""
        counts = self.profile.predicted
        return tuple(counts.get(name, 0.0) for name in self.class_names) if counts.keys() <= {*self.class_names} else ()

    @property
    def deciders(self) -> tuple[str, ...]:
        """Who may have answered, by `Answer.decided_by`; empty for a model without rules."""
        return self._rules.deciders if self._rules is not None else ()

    def measured(self, columns: Sequence[list[Any]]) -> NDArray[np.float64]:
        """A row per instance and a column per profiled feature: its number, or its category's index; NaN if missing."""
        if not self.features:
            return np.empty((len(columns[0]), 0))
        found = [
            columns[position] if categories is None else _indices(columns[position], categories)
            for position, categories in zip(self._positions, self._categories, strict=True)
        ]
        return np.array(found, np.float64).T  # one call for all features: numpy's cost is by call

    def sliced(self, columns: Sequence[list[Any]]) -> NDArray[np.intp]:
        """A row per instance and a column per slice column: its value's index, their number for any other value."""
        found = np.empty((len(columns[0]), len(self._slices)), np.intp)
        for index, (position, values, _) in enumerate(self._slices):
            found[:, index] = [values.get(spelled(one), len(values)) for one in columns[position]]
        return found

    def answer(self, columns: Sequence[list[Any]], parameters: Mapping[str, Any] | None = None) -> Answer:
        """Predicts: the rules first, the model what they leave. The one place where a prediction becomes an answer.

        Raises whatever the model raises, and ModelFault for an answer that is none.
        """
        if self._rules is None:
            return self.modelled(columns, parameters)
        deciding = self._rules.deciding(columns)
        rest = np.flatnonzero(deciding == NO_RULE).tolist()
        if not rest:
            return self._rules.joined(deciding, None)
        left = columns if len(rest) == len(deciding) else [[column[row] for row in rest] for column in columns]
        return self._rules.joined(deciding, self.modelled(left, parameters))

    def modelled(self, columns: Sequence[list[Any]], parameters: Mapping[str, Any] | None = None) -> Answer:
        """The model's own answer, whatever the rules say. Raises as `answer` does.

        Exceptions that would mean something to whoever waits for the answer are the model's fault like all others:
        SystemExit ends an event loop, CancelledError passes for a cancelled request, and StopIteration never arrives
        through a future. Only KeyboardInterrupt may be a person's, while the model is loaded.
        """
        table = build_table(self.schema, columns)
        given = self.parameters.defaults if parameters is None else parameters
        try:
            return self._answers.read(self._predictor.predict(table, given), len(columns[0]))
        except (StopIteration, CancelledError) as error:
            raise ModelFault(f"the model raised {type(error).__name__}") from error
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise ModelFault(f"the model raised {type(error).__name__}") from error


def load_model(directory: Path) -> ServedModel:
    """Loads an MLflow model directory, and asks the model once which missing values it tolerates (which warms it up).

    Raises UnsupportedModel, ValueError (UnsupportedSignature and DecisionError among them), OSError and whatever
    unpickling raises.
    """
    description = yaml.safe_load((directory / "MLmodel").read_text())
    profile, signature = read_profile(directory), read_signature(description.get("signature"))
    predictor = load_predictor(directory, description["flavors"])
    decision = read_layer(directory)
    schema, parameters = schema_of(signature, profile, predictor.inputs), Parameters(signature.parameters)
    usual = example_row(directory, description, schema) or typical_row(schema, profile)
    # Twice: a model may tell its classes only when it has answered once.
    _survives(ServedModel(predictor, schema, profile, parameters), usual)
    model = ServedModel(predictor, schema, profile, parameters, decision)
    model.schema = schema.nullable(frozenset(_tolerated(model, usual)))
    model.baseline = load_baseline(directory, schema, model.classes)
    model.pace = pace_of(lambda: model.modelled(usual))
    return model


def read_layer(directory: Path) -> Decision | None:
    """The decision layer of a model directory; None for a model that came without. Raises DecisionError."""
    path = directory / DECISION
    return read_decision(path.read_text()) if path.exists() else None


def _tolerated(model: ServedModel, usual: Sequence[list[Any]]) -> list[str]:
    """Names of features whose absence the model survives: asked all at once, then one by one.

    A model that fails on a `usual` row shows nothing: then what its signature calls optional is believed.
    """
    features = {index: column for index, column in enumerate(model.schema.columns) if isinstance(column, Column)}
    absent = [[features[index].read(None)] * len(one) if index in features else one for index, one in enumerate(usual)]
    if not _survives(model, usual):
        return [column.name for column in features.values() if column.optional]
    if _survives(model, absent):
        return [column.name for column in features.values()]
    return [
        column.name
        for index, column in features.items()
        if _survives(model, [*usual[:index], absent[index], *usual[index + 1 :]])
    ]


def _survives(model: ServedModel, columns: Sequence[list[Any]]) -> bool:
    try:
        model.modelled(columns)
    except Exception:  # any exception of foreign code means the same here
        return False
    return True


def _comparable(feature: ReferenceFeature, positions: Mapping[str, int], schema: Schema) -> bool:
    """Whether a profiled feature is an input, and one whose values its buckets can hold."""
    column = schema.columns[positions[feature.name]] if feature.name in positions else None
    return isinstance(column, Column) and (not feature.numeric or column.numeric or column.type == "boolean")


def _sliceable(column: object) -> bool:
    """Whether a column's values have slices: texts, numbers, truths; a time has no spelling there."""
    return isinstance(column, Column) and column.type != "datetime"


def _categories(feature: ReferenceFeature) -> dict[str, int] | None:
    return None if feature.numeric else {value: index for index, value in enumerate(feature.values)}


def _indices(values: Sequence[Any], categories: Mapping[str, int]) -> list[float]:
    unseen = len(categories)
    return [np.nan if _missing(one) else categories.get(str(one), unseen) for one in values]


def _places(values: Sequence[str]) -> dict[str | None, int]:
    return {value: index for index, value in enumerate(values)}


def _missing(value: Any) -> bool:
    return value is None or value != value
