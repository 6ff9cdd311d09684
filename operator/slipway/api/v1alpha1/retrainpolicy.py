"""RetrainPolicy: when to train again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec
from slipway.api.v1alpha1.constraints import Cron, StringMap, TimeZone
from slipway.api.v1alpha1.incremental import policy_continues
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.retrain_triggers import Triggers
from slipway.api.v1alpha1.scalars import Duration
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec

BY_CALENDAR = "schedule"
"""What the calendar is called among the causes of a run."""


class Schedule(Spec):
    """Trains by the calendar."""

    cron: Cron = Field(description="When, such as '0 3 * * 1'.")
    time_zone: TimeZone = Field("UTC", description="Time zone of cron, such as Europe/Rome.")
    starting_deadline: Duration = Field(
        Duration("2h"),
        description="A run that could not start within this time is left out; so are all but the latest "
        "where several were missed.",
    )


class Budget(Spec):
    """How many runs there may be, so that an emergency never starves behind the calendar."""

    scheduled: int = Field(5, ge=0, le=1000, description="Runs by the calendar.")
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
        *policy_continues(),
    )

    rollout_ref: LocalReference = Field(description="The ModelRollout whose live requests are watched.")
    schedule: Schedule | None = Field(None, description="Trains by the calendar. Absent: only triggers train.")
    triggers: Triggers = Field((), description="Reasons to train again.")
    mode: Literal["Full", "Incremental"] = Field(
        "Full",
        description="Full: train anew. Incremental: continue the version that serves with the new rows (partial_fit), "
        "and train in full where there is none, or it cannot be continued.",
    )
    cooldown: Duration = Field(
        Duration("24h"),
        description="No triggered run within this time after the last run, such as 24h; doubled with "
        "each run in a row that failed.",
    )
    budget: Budget = Field(Budget(), description="How many runs there may be.")
    run_template: RunTemplate = Field(description="The TrainingRun to create.")
    history_limit: int = Field(5, ge=0, le=100, description="Finished runs that are kept.")
    suspend: bool = Field(False, description="True: neither calendar nor triggers train.")


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
