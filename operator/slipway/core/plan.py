"""What a decision asks of the world: a value, so that a test can read it and an executor can repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Manifest = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class ObjectKey:
    """Names one object of the API server; `namespace` is empty for cluster-scoped kinds."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Apply:
    """Server-side apply of `manifest` with the field manager `slipway`, forced.

    `resource_version`, when given, is sent along: a stale leader's write is refused (409), not merged.
    """

    manifest: Manifest
    resource_version: str | None = None


@dataclass(frozen=True)
class Create:
    """Creates an object that is never changed afterwards (Job, TrainingRun); one that exists is left as it is."""

    manifest: Manifest


@dataclass(frozen=True)
class Delete:
    """Deletes one object, only while its uid is still `uid`; one that is gone already is fine. Without a uid its name
    alone says which it is: that of what is never made twice."""

    key: ObjectKey
    uid: str
    propagation: Literal["Background", "Foreground", "Orphan"] = "Background"


@dataclass(frozen=True)
class SetFinalizers:
    """Replaces the finalizers of an object, fenced by its resourceVersion."""

    key: ObjectKey
    resource_version: str
    finalizers: tuple[str, ...]


@dataclass(frozen=True)
class SetOwners:
    """Replaces the owner references of an object; one that is gone is fine."""

    key: ObjectKey
    owners: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Archive:
    """Copies the text under `entry` of an immutable ConfigMap into tags of an MLflow run, whose names begin with
    `prefix`. Nothing fails with it: whoever removes the ConfigMap looks first whether the tags are there."""

    key: ObjectKey
    entry: str
    run: str
    prefix: str


@dataclass(frozen=True)
class Notice:
    """A Kubernetes Event on the object under decision; repeated ones are counted, not written again."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Deliver:
    """Hands an announcement to whoever sends it; nothing waits for it, and nothing fails with it. `receiver` is the
    name in status; `url` is that of a hook, and empty where the Secret says where to; `secret` may be empty with a
    `url`."""

    rollout: ObjectKey
    uid: str
    receiver: str
    sequence: int
    content: Mapping[str, Any]
    url: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of the latest attempt at an announcement; `problem` is empty once it is delivered."""

    sequence: int
    delivered: bool
    problem: str = ""


Action = Apply | Create | Delete | SetFinalizers | SetOwners | Archive | Deliver


@dataclass(frozen=True)
class Plan:
    """The outcome of one decision.

    `actions` make the world agree with the status that was persisted BEFORE this decision; they run in order and
    stop at the first failure. `status` is the whole new status, or None to leave it: it is written after the
    actions succeeded, and only where it differs. `requeue_after` is in seconds; 0 means at once, None means
    that the next event or resync suffices.
    """

    actions: tuple[Action, ...] = ()
    status: Mapping[str, Any] | None = None
    notices: tuple[Notice, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True)
class Unavailable:
    """A part of the world that could not be read: rule 5, unknown is not success.

    `reason` is a CamelCase condition reason, `message` says what was tried and what mends it.
    """

    reason: str
    message: str
    since: datetime | None = field(default=None)
