"""RolloutRequest: an urgent act without Git. Created once, answered in its status, removed after a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import Line, Name, ObjectName, SetOf, Text
from slipway.api.v1alpha1.kind import AGE, Column, Kind
from slipway.api.v1alpha1.metrics import cel_list

_ROLLOUT_ACTIONS = ("Advance", "Promote", "Abort", "Rollback", "Hold", "Resume", "Retry", "Approve")
FORWARD = ("Advance", "Promote", "Approve")
OF_A_STAGE = ("Advance", "Approve")
Action = Literal["Advance", "Promote", "Abort", "Rollback", "Hold", "Resume", "Retry", "Approve", "Unfreeze"]
Revision = Annotated[
    str, Text(64, r"^[0-9a-f]{4,64}$", "a revision as status shows it, or its first 4 or more hex digits", shortest=4)
]


class RequestTarget(Spec):
    """The object to act on, in the same namespace."""

    kind: Literal["ModelRollout", "RetrainPolicy"] = Field("ModelRollout", description="Kind of the object.")
    name: ObjectName = Field(description="Name of the object.")


class RollbackRequest(Spec):
    """Where to go back to."""

    to_revision: Revision = Field(description="A revision that is still kept.")


def _action_fits(spec: Any) -> bool:
    return bool((spec.target.kind == "ModelRollout") == (spec.action in _ROLLOUT_ACTIONS))


class RolloutRequestSpec(Spec):
    """Who wants what done, and why. Immutable."""

    laws = (
        Rule(
            f"(self.target.kind == 'ModelRollout') == (self.action in {cel_list(_ROLLOUT_ACTIONS)})",
            f"action must be one of {', '.join(_ROLLOUT_ACTIONS)} for a ModelRollout, and Unfreeze for a RetrainPolicy",
            _action_fits,
            field=".action",
        ),
        Rule(
            f"has(self.revision) || !(self.action in {cel_list(FORWARD)})",
            f"revision is required with the actions {', '.join(FORWARD)}: it names what was looked at",
            lambda spec: spec.revision is not None or spec.action not in FORWARD,
        ),
        Rule(
            "!has(self.rollback) || self.action == 'Rollback'",
            "rollback is only legal with action: Rollback",
            lambda spec: spec.rollback is None or spec.action == "Rollback",
        ),
        Rule(
            f"!has(self.stage) || self.action in {cel_list(OF_A_STAGE)}",
            f"stage is only legal with action: {' or '.join(OF_A_STAGE)}",
            lambda spec: spec.stage is None or spec.action in OF_A_STAGE,
        ),
    )

    target: RequestTarget = Field(description="The object to act on, in the same namespace.")
    action: Action = Field(
        description="Advance: to the next stage. Promote: past all stages but those of type Approval. Abort: end the "
        "running revision. Rollback: to the previous one. Hold, Resume: stop and go on. Retry: try a rejected version "
        "again. Approve: pass an Approval stage. Unfreeze: let a frozen RetrainPolicy go on."
    )
    revision: Revision | None = Field(
        None,
        description="The revision that was looked at; when another one runs by now, the request is refused in status.",
    )
    stage: Name | None = Field(
        None,
        description="With action Advance or Approve: the stage that was looked at; when another one runs by now, the "
        "request is refused. Absent: the stage that ran when the request was created.",
    )
    rollback: RollbackRequest | None = Field(
        None, description="With action Rollback: where to. Absent: the previous one."
    )
    requester: Annotated[str, Text(253)] = Field(description="The user who asks; must be the caller.")
    groups: Annotated[tuple[Annotated[str, Text(253)], ...], SetOf(50)] = Field(
        (), description="Groups in whose name the user asks; must be among the caller's."
    )
    reason: Line = Field(description="Why, for history.")


class RolloutRequestStatus(ConditionedStatus):
    """The answer. Its conditions: Accepted, Applied, Refused; Stalled where it is refused."""

    phase: str = Field(
        "",
        description="Accepted: decided, and nothing can undo that; the gateway does not carry it yet. Applied: done. "
        "Refused: nothing was changed. Empty: nobody has looked at it yet.",
    )
    reason: str = Field("", description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, for a person.")
    at: datetime | None = Field(None, description="When it was answered.")


KIND = Kind(
    kind="RolloutRequest",
    plural="rolloutrequests",
    short_names=("rr",),
    doc="RolloutRequest is an urgent act on a rollout, without Git: created once, answered in its status.",
    spec=RolloutRequestSpec,
    status=RolloutRequestStatus,
    longest_name=63,
    why_name="it is the value of a label",
    columns=(
        Column("Target", ".spec.target.name", "The object to act on."),
        Column("Action", ".spec.action", "What is asked."),
        Column("Requester", ".spec.requester", "Who asks."),
        Column("Phase", ".status.phase", "The answer."),
        Column("Reason", ".spec.reason", "Why.", priority=1),
        AGE,
    ),
    rules=(Rule("self.spec == oldSelf.spec", "spec is immutable: create another RolloutRequest", field=".spec"),),
)
