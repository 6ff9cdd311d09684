"""What makes a RetrainPolicy train again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, at_least_one, union
from slipway.api.v1alpha1.constraints import FeatureName, Later, MapBy, Name, SetOf
from slipway.api.v1alpha1.gates import Limit, Operator
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Bound, Duration, Number


class Confirm(Spec):
    """Asks for several windows, so that one odd day trains nothing."""

    laws = (Rule("self.windows <= self.of", "windows must not be more than of", lambda c: c.windows <= c.of),)

    windows: int = Field(2, ge=1, le=20, description="So many windows must drift …")
    of: int = Field(3, ge=1, le=20, description="… of the last so many.")


class DriftTrigger(Spec):
    """Compares the features of live requests with the reference that training wrote into the model."""

    laws = (at_least_one("psi", "ks"),)

    window: Duration = Field(Duration("24h"), description="Length of a window of requests, such as 24h.")
    psi: Number | None = Field(
        Number("0.2"), description="Population stability index that counts as drift, such as 0.2."
    )
    ks: Number | None = Field(
        None,
        description="Kolmogorov–Smirnov distance that counts as drift as well, such as 0.1: by its lower bound, as far "
        "as the buckets of the reference tell.",
    )
    season: Annotated[Literal["None", "Daily", "Weekly"], Later("windows are compared with the whole reference")] = (
        Field("None", description="Compare with the same hours (Daily) or weekday and hours (Weekly) of the reference.")
    )
    confirm: Confirm | None = Field(None, description="Asks for several windows. Absent: one window decides.")
    features: Annotated[tuple[FeatureName, ...], SetOf(100)] = Field(
        (), description="Features to look at. Absent: all that have a reference."
    )


class PredictionsTrigger(Spec):
    """Compares the scores of live predictions with those on held-out rows."""

    psi: Number = Field(Number("0.2"), description="Population stability index that counts as a shift, such as 0.2.")
    window: Duration = Field(Duration("24h"), description="Length of a window of predictions.")


class MetricTrigger(Spec):
    """A MetricTemplate that passes a bound."""

    template: LocalReference = Field(description="The MetricTemplate.")
    op: Operator = Field(description="How the metric relates to the bound when it triggers.")
    bound: Bound = Field(description="The bound, such as 3.")
    length: Duration = Field(Duration("0s"), alias="for", description="It must hold for so long, such as 30m.")


class PerformanceTrigger(Limit):
    """A metric on matured labels that passes a bound, surely: by the end of its interval, not by its value."""

    window: Duration = Field(
        Duration("7d"), description="Length of the time whose predictions are judged, once they have matured."
    )


class Trigger(Spec):
    """One reason to train again: `type` and the member that belongs to it."""

    laws = (union({"Drift": "drift", "Predictions": "predictions", "Performance": "performance", "Metric": "metric"}),)

    name: Name = Field(description="Identifies the trigger in status and in the causes of a run.")
    type: Literal["Drift", "Predictions", "Performance", "Metric"] = Field(
        description="Drift of features, shift of predictions, performance on matured labels, or any metric."
    )
    drift: DriftTrigger | None = Field(None, description="With type Drift.")
    predictions: PredictionsTrigger | None = Field(None, description="With type Predictions.")
    performance: PerformanceTrigger | None = Field(
        None,
        description="With type Performance: triggers when the metric, on matured labels only, relates so to the bound.",
    )
    metric: MetricTrigger | None = Field(None, description="With type Metric.")


Triggers = Annotated[tuple[Trigger, ...], MapBy(20)]
