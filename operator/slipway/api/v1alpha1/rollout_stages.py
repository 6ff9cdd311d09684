"""The stages that a candidate passes, in order, before it serves everyone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.base import Rule, Spec, goes_with, union
from slipway.api.v1alpha1.constraints import Line, MapBy, Name, SetOf, Text, later_values
from slipway.api.v1alpha1.gates import Gates
from slipway.api.v1alpha1.metrics import PAIRED, cel_list
from slipway.api.v1alpha1.scalars import Duration, Share, share_cel

Cause = Literal["Redesign", "Refresh", "Emergency"]
REDESIGN: Cause = "Redesign"
"""The cause of a model that tells none: it passes the most stages."""
StageType = Literal["Backtest", "Shadow", "Canary", "Approval", "ABTest"]


class Backtest(Spec):
    """Replays logged requests whose labels have matured, before the candidate gets any traffic."""

    window: Duration = Field(description="How far back to replay, such as 14d.")


class Shadow(Spec):
    """Mirrors live requests to the candidate; only the answer of stable reaches the client."""

    laws = (
        Rule(
            f"{share_cel('self.percent')} > 0.0",
            "percent must be more than 0%: a stage without mirrored requests proves nothing",
            lambda shadow: shadow.percent.fraction > 0,
        ),
    )

    percent: Share = Field(Share("100%"), description="Share of requests that is mirrored, such as 100%.")


class Canary(Spec):
    """Serves a part of the live traffic."""

    laws = (
        Rule(
            f"{share_cel('self.weight')} > 0.0 && {share_cel('self.weight')} < 1.0",
            "weight must be more than 0% and less than 100%: all traffic comes with promotion",
            lambda canary: 0 < canary.weight.fraction < 1,
        ),
    )

    weight: Share = Field(
        description="Share of entities (without assignment: of requests) that the candidate serves, such as 5%."
    )


class Approval(Spec):
    """Waits for a RolloutRequest with action Approve by a member of one of the groups. Meanwhile the candidate keeps
    the traffic of the stage before, and the gates stay enforced."""

    groups: Annotated[tuple[Annotated[str, Text(253)], ...], SetOf(20, least=1)] = Field(
        description="Kubernetes groups whose members may approve."
    )


class Skip(Spec):
    """Passes over a stage, explicitly."""

    reason: Line = Field(description="Why the stage is skipped, and by whom; kept in history.")


_MEMBERS = {"Backtest": "backtest", "Shadow": "shadow", "Canary": "canary", "Approval": "approval", "ABTest": "abTest"}
_SHADOW_EVIDENCE = Rule(
    "self.type != 'Shadow' || has(self.minDuration) && has(self.minSamples)",
    "a stage of type Shadow needs minDuration and minSamples: time or requests alone are no evidence",
    lambda stage: stage.type != "Shadow" or (stage.min_duration is not None and stage.min_samples is not None),
)
_CANARY_EVIDENCE = Rule(
    "self.type != 'Canary' || has(self.minDuration) && (has(self.minExposures) || has(self.minSamples))",
    "a stage of type Canary needs minDuration and one of minExposures, minSamples: time or requests alone are no "
    "evidence",
    lambda stage: (
        stage.type != "Canary"
        or (stage.min_duration is not None and (stage.min_exposures is not None or stage.min_samples is not None))
    ),
)
_LONG_ENOUGH = Rule(
    "!has(self.abTest) || !has(self.minDuration) || self.minDuration < self.abTest.atMost",
    "minDuration must be shorter than abTest.atMost, where the experiment ends: its time counts only while the split "
    "agrees",
    lambda stage: stage.ab_test is None or stage.min_duration is None or stage.min_duration < stage.ab_test.at_most,
)
_PAIRED_GATES = Rule(
    "!has(self.gates) || self.type in ['Shadow', 'Backtest'] || !self.gates.exists(g, has(g.metric) && g.metric in "
    f"{cel_list(PAIRED)})",
    f"gates with metric {', '.join(PAIRED)} compare mirrored pairs: they are only legal in a stage of type Shadow "
    "or Backtest",
    lambda stage: stage.type in ("Shadow", "Backtest") or not any(gate.metric in PAIRED for gate in stage.gates),
)
_OWN_ENTRY = Rule(
    "self.type != 'ABTest' || !has(self.gates) || !self.gates.exists(g, g.name == 'primary')",
    "no gate of a stage of type ABTest may be called primary: status has the metric that decides by this name",
    lambda stage: stage.type != "ABTest" or not any(gate.name == "primary" for gate in stage.gates),
)


class Stage(Spec):
    """One step of the rollout: `type` and the member that belongs to it, and what it takes to pass."""

    laws = (
        union(_MEMBERS),
        goes_with("minExposures", "type", "Canary", "ABTest"),
        goes_with("minSamples", "type", "Backtest", "Shadow", "Canary"),
        _SHADOW_EVIDENCE,
        _CANARY_EVIDENCE,
        _LONG_ENOUGH,
        _PAIRED_GATES,
        _OWN_ENTRY,
    )

    name: Name = Field(description="Identifies the stage; advanceThrough and status refer to it.")
    type: Annotated[
        StageType,
        later_values("a rollout holds at a stage of type Backtest", "Backtest"),
    ] = Field(
        description="Backtest replays logged requests. Shadow mirrors live requests. Canary serves a share. "
        "Approval waits "
        "for a person. ABTest decides by an experiment."
    )
    backtest: Backtest | None = Field(None, description="With type Backtest.")
    shadow: Shadow | None = Field(None, description="With type Shadow.")
    canary: Canary | None = Field(None, description="With type Canary.")
    approval: Approval | None = Field(None, description="With type Approval.")
    ab_test: ABTest | None = Field(None, description="With type ABTest.")
    when: Annotated[tuple[Cause, ...], SetOf(3, least=1)] = Field(
        ("Redesign", "Refresh", "Emergency"),
        description="Causes of training whose models pass this stage; others pass it over. A model that tells no cause "
        "is a Redesign.",
    )
    skip: Skip | None = Field(None, description="Passes over the stage, with a reason that is kept in history.")
    min_duration: Duration | None = Field(
        None,
        description="Least time in the stage, such as 24h; it runs only while the measured split agrees with the "
        "one asked for.",
    )
    min_samples: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="Least number of requests that the candidate answered (Shadow: mirrored ones; with a "
        "predictionLog: pairs of answers).",
    )
    min_exposures: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Least number of distinct entities that the candidate served."
    )
    gates: Gates = Field((), description="Gates of this stage, in addition to those of the rollout.")


Stages = Annotated[tuple[Stage, ...], MapBy(20)]
