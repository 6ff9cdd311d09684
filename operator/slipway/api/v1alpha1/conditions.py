"""Conditions as the Kubernetes API conventions ask, and the status that all kinds share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.constraints import MapBy


class Condition(Status):
    """One aspect of the object's state; a reader looks for the type, a person reads the message."""

    type: str = Field(
        max_length=316, pattern=r"^[A-Za-z][A-Za-z0-9]*$", description="What the condition is about, in CamelCase."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds; Unknown is not success.")
    observed_generation: int = Field(0, ge=0, description="The metadata.generation that this was computed from.")
    last_transition_time: datetime = Field(description="When status last changed between True, False and Unknown.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="Why, in one CamelCase word that a program may compare.",
    )
    message: str = Field(max_length=32768, description="Why, for a person, with what to do about it.")


Conditions = Annotated[tuple[Condition, ...], MapBy(32, key="type")]


class ConditionedStatus(Status):
    """What the status of every kind begins with."""

    observed_generation: int = Field(0, ge=0, description="The metadata.generation that this status answers.")
    conditions: Conditions = Field(
        (), description="The state by aspect; Ready, Reconciling and Stalled are read as kstatus defines them."
    )
    inactive_fields: tuple[str, ...] = Field(
        (),
        max_length=200,
        description="Fields of the spec that this version of Slipway accepts but does not act on yet.",
    )
