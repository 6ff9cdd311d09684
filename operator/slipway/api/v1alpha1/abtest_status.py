"""The experiment of a rollout, as its status shows it. Numbers that are not integers are strings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.constraints import MapBy


class Delta(Status):
    """How one metric differs between the arms; of all but the deciding one it is information only."""

    name: str = Field(description="The metric.")
    kind: Literal["Model", "Business"] = Field(
        "Model", description="Counted by the model's pods or by the application."
    )
    better: Literal["", "Higher", "Lower"] = Field("", description="Which direction is good, of a business metric.")
    candidate: str = Field("", description="Its value in the candidate.")
    stable: str = Field("", description="Its value in stable.")
    difference: str = Field("", description="Candidate less stable.")
    relative: str = Field("", description="Candidate over stable, less one; absent where stable is near zero.")
    low: str = Field("", description="Lower end of the interval of the effect, of the kind that the stage asks for.")
    high: str = Field("", description="Upper end of it.")


class Look(Status):
    """A planned look at a group-sequential experiment."""

    at: datetime | None = Field(None, description="When.")
    fraction: str = Field("", description="Information by then, as a share of the planned.")
    verdict: Literal["Pass", "Breach", "Wait", "Invalid", "Unknown"] = Field("Wait", description="What it said.")
    message: str = Field("", description="The reason, for a person.")


class ABTestResult(Status):
    """The running experiment of a rollout, or the last one that it has passed or left."""

    stage: str = Field("", description="Its stage.")
    metric: str = Field("", description="What decides.")
    design: str = Field("", description="Hash of the experiment: one that is changed begins anew.")
    ends_at: datetime | None = Field(None, description="The last look.")
    restarts: int = Field(
        0, description="How often its evidence began anew after somebody had seen it: each time less of alpha is left."
    )
    required: int = Field(0, description="Entities of both arms that it takes, from traffic before the start.")
    expected_days: int | None = Field(None, description="Days that this takes; absent: unknown, or never.")
    reachable: int = Field(0, description="Entities that come until the last look.")
    detectable: str = Field("", description="The smallest effect that those entities show with the power asked for.")
    baseline: str = Field("", description="Value of stable that the plan rests on.")
    basis: str = Field("", description="What the duration was estimated from.")
    seen_seconds: int = Field(0, description="Age of the experiment when entities were counted for its duration.")
    seen_entities: int = Field(0, description="How many there were.")
    underpowered: str = Field("", description="Why it cannot finish in its time; absent when it can.")
    estimate: str = Field("", description="Estimated effect.")
    low: str = Field("", description="Lower end of its interval.")
    high: str = Field("", description="Upper end of its interval.")
    information: str = Field("", description="Information so far, as a share of what a fixed test takes.")
    exposures: int = Field(0, description="Distinct entities in both arms.")
    srm: str = Field("", description="p value of the sample ratio check over first exposures.")
    looks: Annotated[tuple[Look, ...], Field(max_length=50)] = Field((), description="Planned looks that were taken.")
    ended_at: datetime | None = Field(None, description="When the last look was taken: nothing is judged after it.")
    verdict: str = Field("", description="Superior, NonInferior, Worse, Inconclusive, Invalid or Running.")
    outcome: Literal["", "Advance", "KeepStable", "Promote", "Hold"] = Field(
        "", description="What follows from the last look; absent while what was won waits for what the stage lacks."
    )
    deltas: Annotated[tuple[Delta, ...], MapBy(24)] = Field(
        (), description="The deciding metric beside those of the model and of the business."
    )

    @property
    def looked_at(self) -> bool:
        """Whether an interval was seen, so that some of the error is spent."""
        return bool(self.information or self.looks or self.ended_at)


class Together(Status):
    """How a metric of the model and one of the business moved together, over the experiments that history keeps."""

    name: str = Field(
        description="Both names: of the model's metric and of that of the business, with a slash between."
    )
    experiments: int = Field(0, description="Experiments that had both.")
    verdict: Literal["InsufficientData", "Measured"] = Field(
        "InsufficientData", description="InsufficientData below three experiments."
    )
    same_direction: int = Field(0, description="Experiments in which both rose, or both fell.")
    low: str = Field("", description="Lower end of the interval of the share of those.")
    high: str = Field("", description="Upper end of it.")
    correlation: str = Field("", description="Pearson's correlation of the differences to stable.")
    correlation_low: str = Field("", description="Lower end of its interval.")
    correlation_high: str = Field("", description="Upper end of it.")
    message: str = Field("", description="The same for a person.")


def primary_name(stage: str) -> str:
    """Of the entry of a stage's experiment among the gates; no gate of the spec can have a full stop in its name."""
    return f"{stage}.primary"
