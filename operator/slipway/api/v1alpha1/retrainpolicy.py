"""RetrainPolicy: when to train again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, Status
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import Cron, Later, MapBy, StringMap, TimeZone, later_values
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.retrain_triggers import Triggers
from slipway.api.v1alpha1.scalars import Duration
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec


class Schedule(Spec):
    """Trains by the calendar."""

    cron: Cron = Field(description="When, such as '0 3 * * 1'.")
    time_zone: TimeZone = Field("UTC", description="Time zone of cron, such as Europe/Rome.")
    starting_deadline: Duration = Field(
        Duration("2h"), description="A run that could not start within this time is left out."
    )


class Budget(Spec):
    """How many runs there may be, so that an emergency never starves behind the calendar."""

    scheduled: Annotated[int, Later("nothing is scheduled")] = Field(
        5, ge=0, le=1000, description="Runs by the calendar."
    )
    triggered: int = Field(4, ge=0, le=1000, description="Runs by triggers.")
    per: Duration = Field(Duration("30d"), description="Within this time.")


class TemplateMetadata(Spec):
    """Metadata of the runs."""

    labels: Annotated[StringMap, Field(max_length=50)] = Field({}, description="Labels of the runs.")
    annotations: Annotated[StringMap, Field(max_length=50)] = Field({}, description="Annotations of the runs.")


class RunTemplate(Spec):
    """The TrainingRun to create; the policy sets cause (and, in mode Incremental, incremental)."""

    metadata: TemplateMetadata = Field(TemplateMetadata(), description="Metadata of the runs.")
    spec: TrainingRunSpec = Field(description="Spec of the runs.")


class RetrainPolicySpec(Spec):
    """When to train again, how often at most, and what."""

    laws = (
        Rule(
            "has(self.schedule) || (has(self.triggers) && self.triggers.size() > 0)",
            "set schedule, triggers or both: a policy without them never trains",
            lambda spec: spec.schedule is not None or len(spec.triggers) > 0,
        ),
    )

    rollout_ref: LocalReference = Field(description="The ModelRollout whose live requests are watched.")
    schedule: Annotated[Schedule | None, Later("nothing is scheduled")] = Field(
        None, description="Trains by the calendar. Absent: only triggers train."
    )
    triggers: Triggers = Field((), description="Reasons to train again.")
    mode: Annotated[Literal["Full", "Incremental"], later_values("every run trains anew", "Incremental")] = Field(
        "Full", description="Full: train anew. Incremental: continue the model with the new rows (partial_fit)."
    )
    cooldown: Duration = Field(
        Duration("24h"), description="No triggered run within this time after the last, such as 24h."
    )
    budget: Budget = Field(Budget(), description="How many runs there may be.")
    run_template: RunTemplate = Field(description="The TrainingRun to create.")
    history_limit: int = Field(5, ge=0, le=100, description="Finished runs that are kept.")
    suspend: bool = Field(False, description="True: nothing triggers.")


class FeatureDrift(Status):
    """The drift of one feature in the last window."""

    name: str = Field(description="Name of the feature.")
    psi: str = Field("", description="Population stability index against the reference.")
    rows: int = Field(0, description="Requests in the window.")
    verdict: str = Field("", description="Stable, Drifted or InsufficientData.")
    ks: tuple[str, ...] = Field((), max_length=2, description="Interval of the Kolmogorov–Smirnov distance: low, high.")


class BudgetUsed(Status):
    """Runs within the time of the budget."""

    scheduled: int = Field(0, description="Runs by the calendar.")
    triggered: int = Field(0, description="Runs by triggers.")
    since: datetime | None = Field(None, description="Beginning of the time that counts.")


class RunSummary(Status):
    """One TrainingRun of the policy."""

    name: str = Field(description="Name of the TrainingRun.")
    causes: tuple[str, ...] = Field((), max_length=20, description="Names of the triggers, or schedule.")
    created_at: datetime | None = Field(None, description="When it was created.")
    outcome: str = Field("", description="Phase of the run, as last seen.")
    version: str = Field("", description="The version that it registered.")


class RetrainPolicyStatus(ConditionedStatus):
    """What the policy sees, and what it did."""

    state: str = Field(
        "",
        description="Healthy, Suspected, Confirmed, Retraining, Gate, Rollout, Cooldown, Frozen or DataQualityHold.",
    )
    since: datetime | None = Field(None, description="When the state was entered.")
    causes: tuple[str, ...] = Field((), max_length=20, description="Triggers that hold now.")
    features: Annotated[tuple[FeatureDrift, ...], MapBy(500)] = Field((), description="The drift of each feature.")
    last_run: RunSummary | None = Field(None, description="The newest run.")
    runs: Annotated[tuple[RunSummary, ...], MapBy(100)] = Field((), description="Runs that still exist, newest first.")
    next: datetime | None = Field(None, description="When the calendar trains next.")
    cooldown_until: datetime | None = Field(None, description="No triggered run before this.")
    budget: BudgetUsed | None = Field(None, description="Runs within the time of the budget.")
    flips: int = Field(0, description="Promotions and rollbacks that undid each other, lately.")


KIND = Kind(
    kind="RetrainPolicy",
    plural="retrainpolicies",
    short_names=("rp",),
    doc="RetrainPolicy creates a TrainingRun when live data has moved away from what the model learnt.",
    spec=RetrainPolicySpec,
    status=RetrainPolicyStatus,
    longest_name=40,
    why_name="its runs are named <name>-<10 characters>",
    columns=(
        Column("State", ".status.state", "What the policy is doing."),
        Column("Rollout", ".spec.rolloutRef.name", "The ModelRollout that is watched."),
        Column("Last Run", ".status.lastRun.name", "The newest run."),
        Column("Next", ".status.next", "When the calendar trains next.", "date", priority=1),
        ready_column(),
        AGE,
    ),
)
