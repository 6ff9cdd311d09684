"""What a task asks of a model besides its criteria: calibration, slices, a baseline of rules, business metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Spec
from slipway.api.v1alpha1.constraints import ColumnName, MapBy, Name, SetOf, Text
from slipway.api.v1alpha1.criteria import Criterion
from slipway.api.v1alpha1.gates import MetricName
from slipway.api.v1alpha1.references import LocalReference


class Calibration(Spec):
    """Makes scores mean probabilities."""

    method: Literal["Isotonic", "Sigmoid"] = Field("Isotonic", description="How scores are mapped.")
    criteria: Annotated[tuple[Criterion, ...], SetOf(10)] = Field(
        (), description="What must hold, such as ece <= 0.03."
    )


class Slices(Spec):
    """Parts of the rows that are judged by themselves."""

    columns: Annotated[tuple[ColumnName, ...], SetOf(20, least=1)] = Field(
        description="Columns whose values are slices; weekday and weekend are made from the timestamp."
    )
    minimum_rows: int = Field(200, ge=1, le=10_000_000, description="Smaller slices are not judged.")
    worst: Criterion | None = Field(None, description="What the worst slice must satisfy, such as recall >= 0.85.")


class HeuristicRule(Spec):
    """One rule: when it applies, and what it predicts."""

    name: Name = Field(description="Identifies the rule in answers.")
    condition: Annotated[str, Text(500)] = Field(
        alias="if",
        description="An allow-listed expression of features, such as amount > 5000 and country != home_country.",
    )
    predict: Annotated[str, Text(256)] = Field(description="The answer, as text.")


class Rules(Spec):
    """Rules that answer before the model, and a baseline scored on the same rows."""

    when: Annotated[tuple[HeuristicRule, ...], MapBy(50, least=1)] = Field(
        description="The rules; the first that applies answers."
    )
    if_sufficient: Literal["Stop", "Continue"] = Field(
        "Stop", description="What happens when the rules alone meet the criteria. Stop: no model is trained."
    )
    serve: Literal["Hybrid", "ModelOnly"] = Field(
        "Hybrid",
        description="Hybrid: rules answer first, the model the remainder. ModelOnly: rules are a baseline only.",
    )


class BusinessMetric(Spec):
    """A metric that the application counts by the revision that answered."""

    name: MetricName = Field(description="Identifies the metric.")
    template: LocalReference = Field(description="A MetricTemplate with numerator, denominator and cluster.")
    better: Literal["Higher", "Lower"] = Field("Higher", description="Which direction is good.")
