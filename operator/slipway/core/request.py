"""RolloutRequest: answered once, in its status, and removed after a time. This version refuses each, with a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec, RolloutRequestStatus
from slipway.core.kstatus import NOT_YET_ACTIVE, Said, as_written, with_conditions
from slipway.core.plan import Delete, Notice, ObjectKey, Plan

KEPT = timedelta(days=7)
"""How long an answered request is there to be read."""


@dataclass(frozen=True)
class RequestSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: RolloutRequestSpec | None
    status: RolloutRequestStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    deleting: bool = False


def decide(snapshot: RequestSnapshot, now: datetime) -> Plan:
    """An answer stands: a later version of the operator does not act on a request that its author has given up."""
    if snapshot.deleting:
        return Plan()
    answered = snapshot.status.at
    if not snapshot.status.phase or answered is None:
        return _refused(snapshot, now)
    left = answered + KEPT - now
    if left > timedelta():
        return Plan(requeue_after=left.total_seconds())
    key = ObjectKey(API_VERSION, "RolloutRequest", snapshot.namespace, snapshot.name)
    return Plan((Delete(key, snapshot.uid),))


def _refused(snapshot: RequestSnapshot, now: datetime) -> Plan:
    reason, message = "SpecInvalid", snapshot.invalid
    if snapshot.spec is not None:
        reason = NOT_YET_ACTIVE
        message = f"not acted on by this version, and nothing was changed: {'; '.join(snapshot.inactive)}"
    said = (
        Said("Accepted", "False", reason, message),
        Said("Applied", "False", reason, message),
        Said("Refused", "True", reason, message),
        Said("Stalled", "True", reason, message),  # kstatus: Failed. What waits for the request learns it at once
    )
    fields = {"phase": "Refused", "reason": reason, "message": message, "at": now, "inactive_fields": snapshot.inactive}
    status = with_conditions(snapshot.status.model_copy(update=fields), said, snapshot.generation, now)
    return Plan(status=as_written(status), notices=(Notice("Warning", "Refused", message),))
