"""The experiment of an ABTest stage: hypothesis, method, size and what an open end means."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one, goes_with
from slipway.api.v1alpha1.gates import MetricName
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Bound, Duration, Share, share_cel


class NonInferiority(Spec):
    """The candidate may be worse by less than the margin."""

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
    )

    weight: Share = Field(Share("50%"), description="Share of entities for all candidates together, shared equally.")
    metric: MetricName | None = Field(
        None, description="A metric or business metric of the task that decides, such as net_value."
    )
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
    pre_period: Duration | None = Field(
        None, description="Behaviour of entities before the experiment that lowers the variance (CUPED), such as 14d."
    )
    effect: Effect = Field(description="The smallest effect that matters.")
    alpha: Share = Field(Share("0.05"), description="Permitted probability of a false promotion.")
    power: Share = Field(Share("0.8"), description="Probability of finding the effect where it exists.")
    at_most: Duration = Field(Duration("28d"), description="Exposure ends here, decided or not.")
    if_inconclusive: Literal["KeepStable", "Promote", "Hold"] = Field(
        "KeepStable", description="What happens when the experiment ends undecided."
    )
