"""Rules before the model: which rows they answer, and one answer from both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slipway.features.decision import RuleText
from slipway.features.expressions import Kind
from slipway.features.rules import NO_RULE, deciding, features_of, read_rule

from slipway_serving.service.answers import Answer
from slipway_serving.service.schema import Column, Schema

BY_MODEL = "model"


class ServingRules:
    """The rules of a decision layer, bound to the inputs and classes of the model that they answer before.

    Raises ValueError for a rule that this model's inputs or classes do not bear.
    """

    def __init__(self, texts: Sequence[RuleText], schema: Schema, classes: Sequence[Any] | None) -> None:
        if schema.batch is not None:
            raise ValueError(f"the model takes {schema.batch} instances at once, so rules cannot answer some of them")
        inputs = [(place, one) for place, one in enumerate(schema.columns) if isinstance(one, Column)]
        kinds = {one.name: kind for _, one in inputs if (kind := _kind(one)) is not None}
        self._rules = tuple(read_rule(one.name, one.condition, one.predict, kinds) for one in texts)
        used = features_of(self._rules)
        self._inputs = [
            (one.name, place, np.dtype(float if kinds[one.name] == "number" else object))
            for place, one in inputs
            if one.name in used
        ]
        self._indices = None if classes is None else np.array([_index(rule, classes) for rule in texts], np.intp)
        self._labels = [
            texts[place].predict if classes is None or self._indices is None else classes[self._indices[place]]
            for place in range(len(texts))
        ]
        # NO_RULE is -1, so that the model, as the last one, has its index too.
        self.deciders = (*(f"rule/{one.name}" for one in texts), BY_MODEL)

    def deciding(self, columns: Sequence[list[Any]]) -> NDArray[np.intp]:
        """The index of the rule that answers each row, NO_RULE where the model shall; shape (rows,)."""
        used = {name: _array(columns[place], dtype) for name, place, dtype in self._inputs}
        return deciding(self._rules, used, len(columns[0]))

    @property
    def answers(self) -> list[Any]:
        """The answer of each rule, as the model would give it."""
        return self._labels

    def joined(self, deciding: NDArray[np.intp], modelled: Answer | None) -> Answer:
        """All rows in their order; `modelled` answers those of NO_RULE, and is None where there are none.

        A row that a rule answered has the score NaN: no model was asked.
        """
        rest = np.flatnonzero(deciding == NO_RULE)
        labels = [self._labels[index] for index in deciding.tolist()]
        classes = None if self._indices is None else self._indices[deciding]
        scores = np.full(len(deciding), np.nan)
        if modelled is None:
            return Answer(labels, classes, scores, None, deciding)
        for place, label in zip(rest.tolist(), modelled.labels, strict=True):
            labels[place] = label
        if classes is not None and modelled.classes is not None:
            classes[rest] = modelled.classes
        if modelled.scores is not None:
            scores[rest] = modelled.scores
        found = None if modelled.scores is None else scores
        return Answer(labels, classes, found, modelled.threshold, deciding)


def _kind(column: Column) -> Kind | None:
    if column.numeric or column.type == "boolean":
        return "number"
    return "text" if column.type == "string" else None


def _array(values: list[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.array(values, dtype)


def _index(rule: RuleText, classes: Sequence[Any]) -> int:
    names = [str(label) for label in classes]
    if str(rule.predict) not in names:
        raise ValueError(f"rule {rule.name!r} predicts {rule.predict!r}; the model's classes are {', '.join(names)}")
    return names.index(str(rule.predict))
