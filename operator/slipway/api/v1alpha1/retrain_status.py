"""The status of a RetrainPolicy: what it sees, what it did, and what keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import MapBy
from slipway.api.v1alpha1.retrain_performance import Performance
from slipway.api.v1alpha1.rollout_commands import RequestAnswers

TURNS = 20
"""Runs that status remembers, also when they are gone."""

MOST_RUNS = 1000
"""The largest budget."""

Instants = Annotated[tuple[datetime, ...], Field(max_length=MOST_RUNS)]


class FeatureDrift(Status):
    """The drift of one feature in the last window."""

    name: str = Field(description="Name of the feature.")
    psi: str = Field("", description="Population stability index against the reference.")
    rows: int = Field(0, description="Requests in the window.")
    verdict: str = Field("", description="Stable, Drifted or InsufficientData.")
    ks: tuple[str, ...] = Field((), max_length=2, description="Interval of the Kolmogorov–Smirnov distance: low, high.")


class BudgetUsed(Status):
    """Runs within the time of the budget, as counted when the last one was ordered."""

    scheduled: int = Field(0, description="Runs by the calendar.")
    triggered: int = Field(0, description="Runs by triggers.")
    scheduled_at: Instants = Field((), description="When each run by the calendar was ordered, oldest first.")
    triggered_at: Instants = Field((), description="When each run by triggers was ordered, oldest first.")


class RunSummary(Status):
    """One TrainingRun of the policy, and what became of its model."""

    name: str = Field(description="Name of the TrainingRun.")
    causes: tuple[str, ...] = Field(
        (), max_length=21, description="Names of the triggers, or schedule; those that arose while it trained as well."
    )
    budget: Literal["", "Scheduled", "Triggered"] = Field("", description="The budget that paid for it.")
    created_at: datetime | None = Field(None, description="When it was created.")
    ended_at: datetime | None = Field(None, description="When it ended.")
    outcome: str = Field("", description="Phase of the run, as last seen.")
    version: str = Field("", description="The version that it registered.")
    run_id: str = Field("", description="Its MLflow run.")
    data_digest: str = Field("", description="Digest of the rows that it read.")
    base: str = Field("", description="The version that it continues; empty where it trains in full.")
    reason: str = Field("", description="Why it made no model, in one CamelCase word, or that there was nothing new.")
    rollout: str = Field(
        "", description="What became of its version: Gate, Rollout, or its outcome in the history of the rollout."
    )
    rollout_at: datetime | None = Field(None, description="When that came to an outcome.")
    ceased_at: datetime | None = Field(None, description="When its triggers were first seen to hold no more.")


class Calendar(Status):
    """How far the calendar has been followed."""

    schedule: str = Field("", description="The cron and time zone that are followed.")
    since: datetime | None = Field(None, description="Since when; what lay before is not made up for.")
    last: datetime | None = Field(None, description="The last time on it that was acted on, or left out.")
    missed: int = Field(0, description="Runs that were left out.")


class Frozen(Status):
    """Why nothing trains until a person says so."""

    reason: str = Field("", description="In one CamelCase word.")
    message: str = Field("", description="For a person.")
    since: datetime | None = Field(None, description="When the policy froze.")


class TriggerState(Status):
    """Since when a trigger with `for` has held without a gap."""

    name: str = Field(description="Name of the trigger.")
    since: datetime | None = Field(None, description="Since when.")


class RetrainPolicyStatus(ConditionedStatus):
    """What the policy sees, and what it did."""

    state: str = Field(
        "",
        description="Healthy, Suspected, Confirmed, Retraining, Gate, Rollout, Cooldown, Frozen or DataQualityHold.",
    )
    since: datetime | None = Field(None, description="When the state was entered.")
    message: str = Field("", description="Why the policy is in this state, for a person.")
    causes: tuple[str, ...] = Field((), max_length=20, description="Triggers that hold now.")
    features: Annotated[tuple[FeatureDrift, ...], MapBy(500)] = Field((), description="The drift of each feature.")
    last_run: RunSummary | None = Field(None, description="The newest run.")
    turns: Annotated[tuple[RunSummary, ...], MapBy(TURNS)] = Field(
        (), description="The policy's runs and what became of them, newest first, also of those that are gone."
    )
    runs: Annotated[tuple[RunSummary, ...], MapBy(100)] = Field((), description="Runs that still exist, newest first.")
    next: datetime | None = Field(None, description="When the calendar trains next.")
    calendar: Calendar | None = Field(None, description="How far the calendar has been followed.")
    cooldown_until: datetime | None = Field(None, description="No triggered run before this.")
    budget: BudgetUsed | None = Field(None, description="Runs within the time of the budget.")
    flips: int = Field(0, description="Promotions and rollbacks that undid each other, in the last 14 days.")
    frozen: Frozen | None = Field(None, description="Why nothing trains until a request with action Unfreeze.")
    unfrozen_at: datetime | None = Field(
        None, description="When that was last lifted: what lies before counts no more."
    )
    triggers: Annotated[tuple[TriggerState, ...], MapBy(20)] = Field(
        (), description="Since when triggers with `for` have held."
    )
    performance: Annotated[tuple[Performance, ...], MapBy(20)] = Field(
        (), description="What matured labels say, by trigger of type Performance."
    )
    requests: RequestAnswers = Field((), description="Answers to RolloutRequests, newest first.")
