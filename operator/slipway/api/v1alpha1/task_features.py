"""The features of a task. Training and serving compute them by the same definitions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, at_most_one, goes_with
from slipway.api.v1alpha1.constraints import ColumnName, FeatureName, HttpUrl, Later, MapBy, Text, later_values
from slipway.api.v1alpha1.references import SecretReference
from slipway.api.v1alpha1.scalars import Duration

_AGGREGATES_OF_A_COLUMN = ("Sum", "Mean", "Min", "Max", "Std", "DistinctCount", "Last")


class FeatureWindow(Spec):
    """An aggregate over the entity's earlier events; the present event does not count (closed on the left)."""

    laws = (goes_with("column", "aggregate", *_AGGREGATES_OF_A_COLUMN, required=True),)

    aggregate: Literal["Count", "Sum", "Mean", "Min", "Max", "Std", "DistinctCount", "Last"] = Field(
        description="What is computed."
    )
    column: ColumnName | None = Field(None, description="Of which column; not with Count.")
    over: Duration = Field(description="How far back, such as 7d.")


class Lookup(Spec):
    """A feature store that the server asks."""

    url: HttpUrl = Field(description="URL; {entity} is replaced.")
    timeout: Duration = Field(Duration("20ms"), description="After this the value counts as missing.")
    secret_ref: SecretReference | None = Field(None, description="Secret whose key `token` is sent as a bearer.")


class Feature(Spec):
    """One input of the model."""

    laws = (
        at_most_one("window", "expression"),
        Rule(
            "has(self.type) || has(self.window) || has(self.expression)",
            "type is required (Numeric, Categorical or Text) for a feature without window or expression",
            lambda f: f.type is not None or f.window is not None or f.expression is not None,
        ),
        Rule(
            "!has(self.availableAfter) || self.availableAfter <= duration('0s')",
            "LeakageDetected: availableAfter must be 0s: a feature that is known only after the prediction cannot "
            "be used",
            lambda f: f.available_after is None or f.available_after.milliseconds == 0,
            message_cel="'LeakageDetected: availableAfter must be 0s: ' + self.name + ' is known only after the "
            "prediction was made, so it cannot be used; remove it'",
        ),
        goes_with("lookup", "servedFrom", "Lookup", required=True),
    )

    name: FeatureName = Field(description="Identifies the feature, in expressions and in metrics.")
    column: ColumnName | None = Field(None, description="Its column in the data, where that has another name.")
    type: Literal["Numeric", "Categorical", "Text"] | None = Field(
        None, description="Numeric, Categorical or Text. Absent for a window or an expression, which are numeric."
    )
    window: FeatureWindow | None = Field(None, description="An aggregate over the entity's earlier events.")
    served_from: Annotated[
        Literal["Request", "Lookup"] | None, later_values("features come with the request", "Lookup")
    ] = Field(
        None,
        description="How the server gets a window. Request: the caller computes it. Lookup: the server asks a store.",
    )
    lookup: Annotated[Lookup | None, Later("features come with the request")] = Field(
        None, description="With servedFrom: Lookup."
    )
    expression: Annotated[str, Text(500, r"^[A-Za-z0-9_ .,()+*/<>=!%-]+$", "an expression of features")] | None = Field(
        None,
        description="Computed from other features by an allow-listed expression, such as amount / items, within the "
        "model: no request carries it.",
    )
    available_after: Duration | None = Field(
        None, description="How long after the prediction the value is known. Anything above 0s is refused: it leaks."
    )


Features = Annotated[tuple[Feature, ...], MapBy(300, least=1)]
