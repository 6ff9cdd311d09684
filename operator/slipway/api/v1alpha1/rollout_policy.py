"""What a rollout does around its stages: promotion, rollback, freezes, alarms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec
from slipway.api.v1alpha1.constraints import Cron, Later, MapBy, Name, TimeZone
from slipway.api.v1alpha1.gates import Limit
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Duration


class Adopt(Spec):
    """A running service that becomes the first stable variant."""

    inference_service_ref: LocalReference = Field(description="The InferenceService, in the same namespace.")


_KEPT = (
    "the previous variant is kept for atLeast, and for longer only while its successor is on probation or nobody can "
    "ask whether the gates hold: a retraining cycle is not waited for"
)


class KeepPrevious(Spec):
    """How long the previous variant stays warm: one retraining cycle, label maturity or probation, within these."""

    laws = (
        Rule(
            "self.atLeast <= self.atMost",
            "atLeast must not be longer than atMost",
            lambda keep: keep.at_least <= keep.at_most,
        ),
    )

    at_least: Duration = Field(Duration("7d"), description="Never less than this, such as 7d.")
    at_most: Annotated[Duration, Later(_KEPT, partly=True)] = Field(
        Duration("120d"), description="Never more than this, such as 120d."
    )


class Promotion(Spec):
    """What happens when the last stage has passed."""

    keep_previous: KeepPrevious = Field(
        KeepPrevious(), description="How long the previous variant stays warm for a way back."
    )
    probation: Limit | None = Field(
        None,
        description="A limit that the promoted model's own labels must confirm before the previous variant goes. They "
        "come from label.source of the ModelTask, its predictions from predictionLog.",
    )


class RollbackWindow(Spec):
    """Which revisions are gone back to without passing the stages again."""

    revisions: int = Field(2, ge=0, le=10, description="How many revisions back.")


class Rollback(Spec):
    """How the way back is taken."""

    window: Annotated[RollbackWindow | None, Later("only the kept previous variant takes the fast path")] = Field(
        None, description="Which revisions are gone back to without passing the stages again."
    )
    scale_down_delay: Duration = Field(
        Duration("10m"), description="How long a variant without traffic stays up after a rollback, to look at it."
    )


class Freeze(Spec):
    """A time during which nothing advances; a rollback always goes ahead."""

    name: Name = Field(description="Identifies the freeze in status.")
    cron: Cron = Field(description="When it begins, such as '0 16 * * 5'.")
    length: Duration = Field(alias="for", description="How long it lasts, such as 64h.")
    time_zone: TimeZone = Field("UTC", description="Time zone of cron, such as Europe/Rome.")


Freezes = Annotated[tuple[Freeze, ...], MapBy(20)]


class Alarm(Spec):
    """Fast alarms that act before any gate has enough evidence."""

    prediction_shift: Literal["Freeze", "Rollback"] = Field(
        "Rollback", description="When the distribution of predictions jumps: Freeze stops advance, Rollback goes back."
    )
