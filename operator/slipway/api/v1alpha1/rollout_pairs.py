"""The part of a Shadow stage's status that says how stable and candidate differ, and what the mirror costs stable."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from slipway.api.v1alpha1.base import Status

MOST_FIGURES = 5
MOST_SLICES = 8


class PairedFigure(Status):
    """One metric of all pairs."""

    metric: str = Field(description="agreement, positive_rate_ratio, flagged_overlap, score_distance or pair_coverage.")
    value: str = Field("", description="What was counted.")
    low: str = Field("", description="Lower end of its 95% interval.")
    high: str = Field("", description="Upper end of it.")
    samples: int = Field(0, description="Pairs, or flagged ones, that the value is counted over.")
    sums: Annotated[tuple[str, ...], Field(max_length=7)] = Field(
        (), description="Clusters, sums of y, n, y², n², yn and the design effect: what gates are judged by."
    )


class PairedSlice(Status):
    """The same of one value of a column, each with its 95% interval."""

    name: str = Field(description="Column and value, such as country=it.")
    pairs: int = Field(0, description="Its pairs.")
    agreement: str = Field("", description="Share of equal answers.")
    positive_rate_ratio: str = Field("", description="Flagged by the candidate over flagged by stable.")
    flagged_overlap: str = Field("", description="Flagged by both over flagged by either.")
    score_distance: str = Field("", description="Mean distance of the two scores.")


class Pairs(Status):
    """The comparison of stable's answers with the candidate's, pair by pair from the prediction log."""

    run: int = Field(0, description="Number of the comparison that was asked for last in this epoch.")
    asked_at: datetime | None = Field(None, description="When it was asked for.")
    until: datetime | None = Field(None, description="It pairs stable's requests before then.")
    running: bool = Field(False, description="Whether its Job has not ended yet.")
    compared_until: datetime | None = Field(None, description="The same of the newest one that has an answer.")
    rows: int = Field(0, description="Answers of stable in that time.")
    pairs: int = Field(0, description="Those with the candidate's answer to the same request.")
    repeated: int = Field(0, description="Answers of stable whose request id came more than once: they make no pair.")
    unit: str = Field("", description="What intervals cluster by: entities, or requests.")
    share: str = Field("", description="Share of the request ids that was read: all, but in very large logs.")
    spread: str = Field("", description="How far apart scores may lie: 1 for probabilities.")
    figures: Annotated[tuple[PairedFigure, ...], Field(max_length=MOST_FIGURES)] = Field(
        (), description="Metrics of all pairs."
    )
    slices: Annotated[tuple[PairedSlice, ...], Field(max_length=MOST_SLICES)] = Field(
        (), description="The slices that differ most."
    )
    message: str = Field("", description="Why the last comparison has no answer; empty where it has one.")


class BeforeMirror(Status):
    """Stable's latency in the hour before its requests were mirrored."""

    edges: Annotated[tuple[str, ...], Field(max_length=3)] = Field(
        (), description="Limits of the task in seconds, each at the next edge of the histogram."
    )
    over: Annotated[tuple[str, ...], Field(max_length=3)] = Field((), description="Requests that took longer.")
    requests: str = Field("", description="All requests; 0 where nothing was measured.")
