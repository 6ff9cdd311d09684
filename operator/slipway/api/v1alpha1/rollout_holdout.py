"""The hold-out in the status of a ModelRollout: who is held out, and how the model's answers to them differ."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from slipway.api.v1alpha1.base import Status

MOST_SLICES, MOST_REVISIONS = 10, 3


class ContrastedSlice(Status):
    """The share of positive answers that the model gives in one slice: to entities that are held out, of which these
    never hear, and to all others."""

    name: str = Field(description="all, or a slice as column=value.")
    held_out: str = Field("", description="Share among answers to entities that are held out.")
    others: str = Field("", description="Share among answers to all others.")
    difference: str = Field("", description="The share of the others less that of who is held out.")
    low: str = Field("", description="Lower end of its interval, which holds at all looks and slices together.")
    high: str = Field("", description="Upper end of it.")
    samples: int = Field(0, description="Answers to entities that are held out.")
    sure: bool | None = Field(None, description="True once the interval was seen without zero.")
    first: str = Field("", description="The difference when it was first sure.")


class ContrastedRevision(Status):
    """One revision's answers to who is held out, beside those to all others."""

    revision: str = Field("", description="Hash of the revision.")
    number: int = Field(0, description="Number of the revision.")
    version: str = Field("", description="Version in the model registry.")
    epoch: int = Field(0, description="The epoch of what was last looked at.")
    restarts: int = Field(
        0, description="How often its evidence began anew after a look: each time less error is left."
    )
    reported_at: datetime | None = Field(None, description="When this was last written.")
    slices: Annotated[tuple[ContrastedSlice, ...], Field(max_length=MOST_SLICES)] = Field(
        (), description="Those that differ most, the sure ones first, and all together."
    )


class Holdout(Status):
    """Entities that get the task's rules instead of a model."""

    share: str = Field("", description="Share asked for; absent: nobody is to be held out any more.")
    real: str = Field("", description="The share that whole cells make.")
    cells: int = Field(
        0, description="Cells of 4,096 that are held out, by the digits from 60 to 62 of an entity's hash."
    )
    first: int = Field(0, description="The first of them.")
    rotation: int = Field(0, description="Counts who is held out: the next one begins where this one's cells end.")
    since: datetime | None = Field(None, description="When this rotation began.")
    able: Annotated[tuple[str, ...], Field(max_length=10)] = Field(
        (), description="Revisions whose pods have said that they have rules for who is held out."
    )
    revisions: Annotated[tuple[ContrastedRevision, ...], Field(max_length=MOST_REVISIONS)] = Field(
        (), description="How the latest revisions that served have answered them, newest first."
    )
