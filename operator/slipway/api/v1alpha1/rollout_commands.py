"""What people have asked of a rollout by RolloutRequests, as its status keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status

REMEMBERED = 20
"""Answers that are kept; those of requests that do not have theirs yet are kept beyond it."""

MOST_REMEMBERED = 50


class RequestAnswer(Status):
    """One RolloutRequest and what became of it. The request's own status is written from here."""

    uid: str = Field("", description="Its metadata.uid: a request is acted on once.")
    name: str = Field("", description="Its name.")
    action: str = Field("", description="What was asked.")
    requester: str = Field("", description="Who asked.")
    groups: Annotated[tuple[str, ...], Field(max_length=50)] = Field((), description="In the name of which groups.")
    reason: str = Field("", description="Why, in the words of who asked.")
    stage: str = Field("", description="The stage in which it was answered.")
    outcome: Literal["Applied", "Refused"] = Field("Refused", description="The answer.")
    why: str = Field("", description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, for a person.")
    at: datetime | None = Field(None, description="When it was answered.")


class Held(Status):
    """A request with action Hold: nothing advances until one with action Resume."""

    by: str = Field("", description="Who asked for it.")
    reason: str = Field("", description="Why.")
    since: datetime | None = Field(None, description="Since when.")


class SkippedStage(Status):
    """A stage that a revision has not passed by its evidence."""

    name: str = Field(description="Name of the stage.")
    reason: str = Field("", description="Why, and by whom.")


RequestAnswers = Annotated[tuple[RequestAnswer, ...], Field(max_length=MOST_REMEMBERED)]
SkippedStages = Annotated[tuple[SkippedStage, ...], Field(max_length=20)]
