"""Wrong RolloutRequests."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_ABORT = "rolloutrequest-abort"

REQUESTS = (
    Wrong("action", _ABORT, "spec/action", "Explode", ("spec.action", '"Advance", "Promote"')),
    Wrong(
        "action of the other kind", _ABORT, "spec/action", "Unfreeze", ("spec.action", "Unfreeze for a RetrainPolicy")
    ),
    Wrong("looked at nothing", "rolloutrequest-rollback", "spec/action", "Promote", ("revision is required",)),
    Wrong(
        "way back of an abort", "rolloutrequest-rollback", "spec/action", "Abort", ("only legal with action: Rollback",)
    ),
    Wrong(
        "stage of an abort", _ABORT, "spec/stage", "canary-5", ("stage is only legal with action: Advance or Approve",)
    ),
    Wrong("revision", _ABORT, "spec/revision", "newest", ("spec.revision", "hex digits")),
    Wrong("no reason", _ABORT, "spec/reason", ABSENT, ("spec.reason", "Required value")),
    Wrong("no requester", _ABORT, "spec/requester", ABSENT, ("spec.requester", "Required value")),
)
