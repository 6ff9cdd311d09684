"""What the fast alarm of a ModelRollout has seen, as its status keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status

BY_ALARM = "spec.alarm.predictionShift"
"""Who holds a rollout that its alarm has frozen."""


class PredictionShift(Status):
    """A class whose share of the live answers has jumped. Its figures are those of the look that saw it first."""

    subject: Literal["Stable", "Candidate", "Everyone"] = Field(
        description="Whose answers: those of stable, of the candidate, or of both alike, which is no model's fault."
    )
    revision: str = Field("", description="Hash of the revision; of stable where it is everyone's.")
    version: str = Field("", description="Version of it.")
    label: str = Field("", alias="class", description="The class.")
    share: str = Field("", description="Its share of the predictions in the window.")
    expected: str = Field("", description="Its share of those that they are compared with.")
    against: str = Field("", description="What they are compared with.")
    predictions: int = Field(0, description="Predictions in the window; a request of many rows counts as one.")
    seconds: int = Field(0, description="Length of the window in seconds.")
    p: str = Field("", description="Probability of such a jump by chance, corrected for all that a look looks at.")
    act: Literal["Suspected", "Frozen", "RolledBack"] = Field(
        "Suspected", description="What followed. Suspected: nothing advances until both arms have been scraped again."
    )
    since: datetime | None = Field(None, description="When it was seen.")
    message: str = Field("", description="All of it, for a person, with what to do.")
