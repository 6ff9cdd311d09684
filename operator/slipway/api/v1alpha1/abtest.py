"""The experiment of an ABTest stage: hypothesis, method, size and what an open end means."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one, goes_with
from slipway.api.v1alpha1.constraints import Later, Line
from slipway.api.v1alpha1.gates import MetricName
from slipway.api.v1alpha1.metrics import PAIRED, SERVING, quality_names
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Bound, Duration, Share, share_cel

DECIDING = ("error_rate", "positive_rate", "class_share", "mean_score")
"""Built-in metrics that every served model counts by analysis cluster; other names are business metrics of the task."""

_MEASURED_OTHERWISE = tuple(sorted({*SERVING, *PAIRED, *quality_names()} - set(DECIDING)))
_NUMBER = r"^[0-9]+(\.[0-9]+)?%?$"


def _number_cel(path: str) -> str:
    """CEL: a plain number or a percentage of more than zero."""
    return rf"({path}.matches(r'{_NUMBER}') && double({path}.replace('%', '')) > 0.0)"


def _plain(bound: Any) -> bool:
    return not bound.text.endswith(("s", "m")) and bound.value > 0


class NonInferiority(Spec):
    """The candidate may be worse by less than the margin."""

    laws = (
        Rule(
            _number_cel("self.margin"),
            "margin must be a number or a percentage of more than 0: how much worse may still pass",
            lambda accepted: _plain(accepted.margin),
        ),
    )

    margin: Bound = Field(description="Largest loss that is accepted, in the unit of the effect, such as 1%.")


class Hypothesis(Spec):
    """What the experiment is to prove."""

    laws = (goes_with("nonInferiority", "type", "NonInferiority", required=True),)

    type: Literal["Superiority", "NonInferiority"] = Field(
        "Superiority", description="Superiority: better than stable. NonInferiority: not worse by the margin."
    )
    non_inferiority: NonInferiority | None = Field(None, description="With type NonInferiority.")


class GroupSequential(Spec):
    """Looks at the result at planned times only."""

    looks: int = Field(5, ge=1, le=50, description="How often the result is looked at.")
    spending: Literal["OBrienFleming", "Pocock"] = Field(
        "OBrienFleming", description="How the permitted error is spent over the looks."
    )


class Effect(Spec):
    """The smallest effect that matters; the size of the experiment follows from it."""

    laws = (
        Rule(
            _number_cel("self.value"),
            "value must be a number or a percentage of more than 0: the smallest effect worth finding",
            lambda effect: _plain(effect.value),
        ),
    )

    value: Bound = Field(description="Size of the effect, such as 2%.")
    kind: Literal["Absolute", "Relative"] = Field("Relative", description="Absolute, or relative to stable.")


class ABTest(Spec):
    """Decides between stable and candidates by an experiment on entities; needs traffic.assignment."""

    laws = (
        exactly_one("metric", "template", note="a metric of the task, or a MetricTemplate"),
        goes_with("groupSequential", "method", "GroupSequential"),
        Rule(
            f"{share_cel('self.weight')} > 0.0 && {share_cel('self.weight')} < 1.0",
            "weight must be more than 0% and less than 100%",
            lambda test: 0 < test.weight.fraction < 1,
        ),
        Rule(
            f"{share_cel('self.alpha')} > 0.0 && {share_cel('self.alpha')} < 0.5",
            "alpha must be more than 0 and less than 0.5, such as 0.05",
            lambda test: 0 < test.alpha.fraction < Decimal("0.5"),
        ),
        Rule(
            f"{share_cel('self.power')} > {share_cel('self.alpha')} && {share_cel('self.power')} < 1.0",
            "power must be more than alpha and less than 1, such as 0.8",
            lambda test: test.alpha.fraction < test.power.fraction < 1,
        ),
        Rule(
            "(has(self.metric) && self.metric == 'class_share') == has(self.class)",
            "class is required with, and only legal with, metric: class_share",
            lambda test: (test.metric == "class_share") == (test.label is not None),
        ),
    )

    weight: Share = Field(Share("50%"), description="Share of entities for all candidates together, shared equally.")
    metric: Annotated[
        MetricName | None,
        Later(
            f"decide may {', '.join(DECIDING)}, and business metrics of the task; the experiment stays Unknown",
            lambda name: name in _MEASURED_OTHERWISE,
        ),
    ] = Field(
        None,
        description="What decides: error_rate, positive_rate, class_share, mean_score (of a BinaryClassification), or "
        "a business metric of the task by its name.",
    )
    label: Line | None = Field(None, alias="class", description="The class whose share class_share measures.")
    template: LocalReference | None = Field(
        None, description="A MetricTemplate with numerator, denominator and cluster that decides."
    )
    better: Literal["Higher", "Lower"] = Field("Higher", description="Which direction of the metric is good.")
    hypothesis: Hypothesis = Field(Hypothesis(), description="What the experiment is to prove.")
    method: Literal["ConfidenceSequence", "GroupSequential"] = Field(
        "ConfidenceSequence",
        description="ConfidenceSequence: valid at any time, may stop early. GroupSequential: at planned looks.",
    )
    group_sequential: GroupSequential | None = Field(None, description="Settings of method GroupSequential.")
    pre_period: Annotated[Duration | None, Later("the variance is not lowered")] = Field(
        None,
        description="Behaviour of entities before the experiment that lowers the variance (CUPED), such as 14d.",
    )
    effect: Effect = Field(description="The smallest effect that matters.")
    alpha: Share = Field(Share("0.05"), description="Permitted probability of a false promotion.")
    power: Share = Field(Share("0.8"), description="Probability of finding the effect where it exists.")
    at_most: Duration = Field(
        Duration("28d"),
        description="The last look, counted from the beginning of the stage; what is undecided then is Inconclusive. "
        "It must be longer than minDuration.",
    )
    if_inconclusive: Literal["KeepStable", "Promote", "Hold"] = Field(
        "KeepStable",
        description="What happens when the experiment ends undecided. KeepStable: stable serves all. Promote: the "
        "candidate advances, if the effect was measured and all gates hold. Hold: the split stays for a person.",
    )
