"""The part of a ModelRollout's status that says how a promoted version does by its own labels."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from slipway.api.v1alpha1.measurement import Measurement

Verdict = Literal["Wait", "Pass", "Breach", "Undecided"]


class Probation(Measurement):
    """The probation of the promoted version. `since` is its promotion: only predictions from then on are judged."""

    version: str = Field("", description="Its version.")
    bound: str = Field("", description="What the metric must keep, such as >= 75%.")
    ends: datetime | None = Field(
        None, description="When it ends at the latest: keepPrevious.atMost after the promotion."
    )
    verdict: Verdict = Field("Wait", description="Wait until it is sure: then Pass or Breach; Undecided at the end.")
    reason: str = Field("", description="Why, in one CamelCase word.")
    decided_at: datetime | None = Field(None, description="When the verdict was reached.")
