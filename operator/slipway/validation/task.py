"""A ModelTask: what its schema cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.expressions import ExpressionError, Kind, parse_condition, parse_value
from slipway.validation.findings import Finding, error, warning

_KINDS: dict[str | None, Kind] = {"Numeric": "number", "Categorical": "text", None: "number"}


def rule_features(spec: ModelTaskSpec) -> dict[str, Kind]:
    """The features that a rule can use, with their kinds: those that a request carries, and not Text."""
    return {f.name: _KINDS[f.type] for f in spec.features if f.type in _KINDS and f.expression is None}


def check_task(spec: ModelTaskSpec) -> Iterator[Finding]:
    """Everything about one task that can be said without looking at another object."""
    yield from _expressions(spec)
    yield from _data(spec)
    features = rule_features(spec)
    for index, rule in enumerate(spec.rules.when if spec.rules is not None else ()):
        location = ("spec", "rules", "when", index)
        try:
            parse_condition(rule.condition, features)
        except ExpressionError as failed:
            yield error((*location, "if"), f"rule {rule.name!r}, {failed}")
        if spec.type == "Regression" and not _is_number(rule.predict):
            yield error((*location, "predict"), f"{rule.predict!r} must be a number: the task is a Regression")


def _expressions(spec: ModelTaskSpec) -> Iterator[Finding]:
    """Each may use the features that come with the data, and the expressions before it."""
    known = rule_features(spec)
    for index, feature in enumerate(spec.features):
        if feature.expression is None:
            continue
        try:
            parse_value(feature.expression, known)
        except ExpressionError as failed:
            yield error(("spec", "features", index, "expression"), f"feature {feature.name!r}, {failed}")
        known[feature.name] = "number"
    if all(feature.expression is not None for feature in spec.features):
        yield error(("spec", "features"), "every feature is an expression: one must come with the data")


def _data(spec: ModelTaskSpec) -> Iterator[Finding]:
    """What a training run would refuse, said before one is made."""
    label = ("spec", "label")
    roles = {spec.label.column: "label", spec.id: "id", spec.entity: "entity", spec.timestamp: "timestamp"}
    for index, feature in enumerate(spec.features):
        role = roles.get(feature.column or feature.name)
        if role in ("label", "id"):
            at = ("spec", "features", index)
            yield error(at, f"LeakageDetected: {feature.name!r} is the {role}: a model may not see it")
    if spec.label.maturity is not None and spec.timestamp is None:
        yield error((*label, "maturity"), "needs spec.timestamp: the age of a row comes from it")
    if spec.label.source is not None and spec.label.source.uri is not None and spec.id is None:
        yield error((*label, "source", "uri"), "needs spec.id: labels are joined to rows by it")
    if len(spec.label.annotators) == 1:
        yield warning((*label, "annotators"), "one annotator agrees with itself: name two or more")
    if {one.expression.split()[0].split("/")[0] for one in spec.criteria} == {"accuracy"}:
        said = "accuracy alone is met by always naming the commonest class, where one is common enough"
        yield warning(("spec", "criteria"), f"{said}: add recall, precision or balanced_accuracy")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
