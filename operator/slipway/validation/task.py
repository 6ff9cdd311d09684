"""A ModelTask: what its schema cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.expressions import ExpressionError, Kind, parse_condition
from slipway.validation.findings import Finding, error

_KINDS: dict[str | None, Kind] = {"Numeric": "number", "Categorical": "text", None: "number"}


def rule_features(spec: ModelTaskSpec) -> dict[str, Kind]:
    """The features that a rule can use, with their kinds: those that a model of this version gets, so not Text."""
    return {feature.name: _KINDS[feature.type] for feature in spec.features if feature.type in _KINDS}


def check_task(spec: ModelTaskSpec) -> Iterator[Finding]:
    """Everything about one task that can be said without looking at another object."""
    features = rule_features(spec)
    for index, rule in enumerate(spec.rules.when if spec.rules is not None else ()):
        location = ("spec", "rules", "when", index)
        try:
            parse_condition(rule.condition, features)
        except ExpressionError as failed:
            yield error((*location, "if"), f"rule {rule.name!r}, {failed}")
        if spec.type == "Regression" and not _is_number(rule.predict):
            yield error((*location, "predict"), f"{rule.predict!r} must be a number: the task is a Regression")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
