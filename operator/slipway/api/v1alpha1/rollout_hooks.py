"""Who is told when something happens to a rollout: URLs that are called, and channels of people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Spec, Status
from slipway.api.v1alpha1.constraints import HttpUrl, MapBy, Name, SetOf
from slipway.api.v1alpha1.references import SecretReference

RECEIVERS = 20
"""Most hooks, and most notifications, of one rollout."""

ANNOUNCED = 20
"""Most announcements that wait at once; the oldest goes when another one comes."""

HookEvent = Literal[
    "Started", "StageStarted", "StagePassed", "StageSkipped", "ApprovalNeeded", "Promoted", "RolledBack", "Aborted",
    "Inconclusive", "Superseded", "Failed", "Breached", "Held", "Resumed", "GateUnknown",
]  # fmt: skip
Severity = Literal["Info", "Warning", "Critical"]


class Hook(Spec):
    """Calls a URL when something happens. The rollout never waits for it; what fails is tried again for an hour."""

    name: Name = Field(description="Identifies the hook.")
    events: Annotated[tuple[HookEvent, ...], SetOf(15, least=1)] = Field(
        description="When to call. Named events, since YAML 1.1 reads the key `on` as a boolean."
    )
    url: HttpUrl = Field(
        description="What to call, by POST with a JSON body. Addresses of the node itself, of the loopback and of the "
        "API server are refused, and so are redirects."
    )
    secret_ref: SecretReference | None = Field(
        None, description="Secret whose key `token` signs time and body (HMAC-SHA256). Absent: calls are not signed."
    )


class Notification(Spec):
    """Tells people, through the channel that the Secret describes. The rollout never waits for it."""

    name: Name = Field(description="Identifies the notification.")
    severity: Severity = Field("Warning", description="From this severity on.")
    secret_ref: SecretReference = Field(
        description="Secret whose key `url` is the address of the channel: a Slack webhook, mailto://…, workflows://… "
        "as Apprise writes them."
    )


Hooks = Annotated[tuple[Hook, ...], MapBy(RECEIVERS)]
Notifications = Annotated[tuple[Notification, ...], MapBy(RECEIVERS)]


class Announcement(Status):
    """Something that happened and that not everybody who asked for it has been told yet."""

    sequence: int = Field(description="Its number, counted up over the life of the rollout.")
    events: Annotated[tuple[str, ...], Field(max_length=5)] = Field((), description="What it is to hooks.")
    severity: Severity = Field("Info", description="What it is to notifications.")
    at: datetime | None = Field(None, description="When it happened.")
    stage: str = Field("", description="In which stage.")
    version: str = Field("", description="Version that it is about.")
    revision: str = Field("", description="Its revision.")
    reason: str = Field("", description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, for a person.")


class Receiver(Status):
    """A hook or a notification, and how far it has been told."""

    name: str = Field(description="hook/NAME or notification/NAME.")
    delivered: int = Field(0, description="Number of the newest announcement that it needs no more.")
    failed: int = Field(0, description="Announcements that it did not take within an hour.")
    problem: str = Field("", description="Why the last attempt failed; empty where it did not.")


class Announcements(Status):
    """What happened, and who is still to be told."""

    sequence: int = Field(0, description="Number of the newest announcement.")
    pending: Annotated[tuple[Announcement, ...], Field(max_length=ANNOUNCED)] = Field(
        (), description="Those that somebody is still to be told, oldest first."
    )
    receivers: Annotated[tuple[Receiver, ...], MapBy(2 * RECEIVERS)] = Field((), description="Who is told.")
    unjudged: Annotated[tuple[str, ...], Field(max_length=60)] = Field(
        (), description="Gates of which was told that nobody could judge them."
    )
