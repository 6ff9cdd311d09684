"""Rules that answer before a model: the first that applies decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipway.features.evaluation import Columns, holds
from slipway.features.expressions import ExpressionError, Kind, Node, parse_condition, used_features

NO_RULE = -1


@dataclass(frozen=True)
class Rule:
    """One rule: `predict` is its answer, a class as text or a regression's number."""

    name: str
    condition: Node
    predict: str | float


class RuleError(ValueError):
    """A rule that cannot be read; the message names the rule, the position and the remedy."""


def read_rule(name: str, text: str, predict: str | float, features: Mapping[str, Kind]) -> Rule:
    """A rule from its parts. Raises RuleError."""
    try:
        return Rule(name, parse_condition(text, features), predict)
    except ExpressionError as error:
        raise RuleError(f"rule {name!r}, {error}") from error


def features_of(rules: Sequence[Rule]) -> frozenset[str]:
    """Names of the features that any rule reads."""
    return frozenset(name for rule in rules for name in used_features(rule.condition))


def deciding(rules: Sequence[Rule], columns: Columns, rows: int) -> NDArray[np.intp]:
    """The index of the first rule that applies to each row, NO_RULE where none does; shape (rows,)."""
    found = np.full(rows, NO_RULE, np.intp)
    for index in reversed(range(len(rules))):
        found[holds(rules[index].condition, columns, rows)] = index
    return found
