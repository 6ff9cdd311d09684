"""What a measurement on matured labels leaves in a status, whoever asks for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from slipway.api.v1alpha1.base import Status

MOST_COHORTS = 8
MOST_AGES = 5


class MaturedCohort(Status):
    """One part of the time whose predictions are judged."""

    since: datetime = Field(description="When it begins.")
    rows: int = Field(0, description="Events that were predicted in it.")
    labelled: int = Field(0, description="Those whose label counts.")
    predicted_positives: int = Field(0, description="Those that the model flagged.")
    value: str = Field("", description="The metric in this part alone, without an interval.")


class LabelAge(Status):
    """How complete labels are at an age."""

    age: str = Field(description="Events of at least this age, and younger than the next.")
    rows: int = Field(0, description="How many there are.")
    labelled: int = Field(0, description="How many of them have a label.")


class Measurement(Status):
    """The newest measurement, and the one that is under way."""

    metric: str = Field("", description="The metric.")
    revision: str = Field("", description="The revision whose predictions are judged.")
    question: str = Field("", description="Digest of what is asked; another question begins anew.")
    run: int = Field(0, description="Number of the measurement that was asked for last.")
    asked_at: datetime | None = Field(None, description="When it was asked for.")
    running: bool = Field(False, description="Whether its Job has not ended yet.")
    failures: int = Field(0, description="Measurements in a row that failed.")
    failure: str = Field("", description="Why the last one failed; empty where it did not.")
    measured_at: datetime | None = Field(None, description="When the newest measurement was asked for that answered.")
    since: datetime | None = Field(None, description="Predictions from then on are judged.")
    until: datetime | None = Field(None, description="Predictions before then are judged: they have matured.")
    message: str = Field("", description="What they say, for a person.")
    value: str = Field("", description="The metric.")
    low: str = Field("", description="Lower end of its interval: below it with a probability of 0.1% at most.")
    high: str = Field("", description="Upper end of it, likewise.")
    trials: int = Field(0, description="What the metric is counted over.")
    needed: int = Field(0, description="How many of these it needs.")
    expected: datetime | None = Field(None, description="When there will be enough, at the present pace.")
    rows: int = Field(0, description="Matured events.")
    labelled: int = Field(0, description="Those whose label counts.")
    predicted_positives: int = Field(0, description="Matured events that the model flagged.")
    completeness: str = Field("", description="Share of the matured events whose label counts.")
    revised: int = Field(0, description="Matured events whose label was changed: the newest counts.")
    contradictory: int = Field(0, description="Those whose newest labels differ: none counts.")
    repeated: int = Field(0, description="Predictions of events that were predicted before: the first counts.")
    unkeyed: int = Field(0, description="Predictions that do not name their event.")
    cohorts: Annotated[tuple[MaturedCohort, ...], Field(max_length=MOST_COHORTS)] = Field(
        (), description="Parts of the matured time, oldest first."
    )
    ages: Annotated[tuple[LabelAge, ...], Field(max_length=MOST_AGES)] = Field(
        (), description="How complete labels are by age, youngest first; the last are the matured ones."
    )
