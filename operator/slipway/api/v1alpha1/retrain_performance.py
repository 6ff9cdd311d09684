"""The part of a RetrainPolicy's status that says what matured labels say of the served model."""

from __future__ import annotations

from pydantic import Field

from slipway.api.v1alpha1.measurement import Measurement


class Performance(Measurement):
    """One trigger of type Performance: its newest measurement, and the one that is under way."""

    name: str = Field(description="Name of the trigger.")
    verdict: str = Field("", description="Confirmed, Suspected, Clear, InsufficientData, Biased, or DataQualityHold.")
