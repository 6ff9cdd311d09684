"""RolloutRequest: answered once, in its status, and removed after a time.

Its target decides about it, and writes the answer into its own status (`core/rollout/requests.py`,
`core/retrain/requests.py`). What stands here is
derived from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.rollout_commands import RequestAnswer
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec, RolloutRequestStatus
from slipway.core.kstatus import NOT_YET_ACTIVE, Said, as_written, with_conditions
from slipway.core.plan import Delete, Notice, ObjectKey, Plan

KEPT = timedelta(hours=24)
"""How long an answered request is there to be read; its target remembers it for longer."""

PATIENCE = timedelta(seconds=10)
"""How long a target that nobody has seen may yet appear: request and target come by watches of their own."""

ANSWERED = ("Applied", "Refused")


@dataclass(frozen=True)
class Target:
    """The object that a request names. `answer` is what it says of this very request; `leaving`: it is being deleted;
    `carried`: the gateway carries what a way back asks for, or nothing is on its way back."""

    answer: RequestAnswer | None = None
    leaving: bool = False
    carried: bool = True


@dataclass(frozen=True)
class RequestSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `target` is None when there
    is no such object."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    spec: RolloutRequestSpec | None
    status: RolloutRequestStatus
    target: Target | None = None
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    deleting: bool = False


def decide(snapshot: RequestSnapshot, now: datetime) -> Plan:
    """An answer stands: nothing is acted on twice, and nothing that its author was told is given up."""
    if snapshot.deleting:
        return Plan()
    if snapshot.status.phase in ANSWERED and snapshot.status.at is not None:
        return _remove(snapshot, snapshot.status.at, now)
    if snapshot.spec is None:
        return _refused(snapshot, "SpecInvalid", snapshot.invalid, now)
    if snapshot.inactive:
        message = f"not acted on by this version, and nothing was changed: {'; '.join(snapshot.inactive)}"
        return _refused(snapshot, NOT_YET_ACTIVE, message, now)
    return _of_target(snapshot, snapshot.spec, now)


def _of_target(snapshot: RequestSnapshot, spec: RolloutRequestSpec, now: datetime) -> Plan:
    target = snapshot.target
    if target is None:
        left = snapshot.created + PATIENCE - now
        if left > timedelta():
            return Plan(requeue_after=left.total_seconds())
        message = f"there is no {spec.target.kind} {spec.target.name!r} in namespace {snapshot.namespace!r}"
        return _refused(snapshot, "NotFound", message, now)
    answer = target.answer
    if answer is None:
        going = f"{spec.target.kind} {spec.target.name!r} is being deleted"
        return _refused(snapshot, "TargetDeleting", going, now) if target.leaving else Plan()
    if answer.outcome == "Refused":
        return _refused(snapshot, answer.why, answer.message, now)
    if not target.carried:
        return _accepted(snapshot, answer, now)
    return _applied(snapshot, answer, now)


def _remove(snapshot: RequestSnapshot, answered: datetime, now: datetime) -> Plan:
    left = answered + KEPT - now
    if left > timedelta():
        return Plan(requeue_after=left.total_seconds())
    key = ObjectKey(API_VERSION, "RolloutRequest", snapshot.namespace, snapshot.name)
    return Plan((Delete(key, snapshot.uid),))


def _accepted(snapshot: RequestSnapshot, answer: RequestAnswer, now: datetime) -> Plan:
    message = f"{answer.message}; the gateway does not carry it yet"
    said = (
        Said("Accepted", "True", answer.why, answer.message),
        Said("Applied", "False", "RouteNotCarried", message),
        Said("Refused", "False", answer.why, answer.message),
        Said("Reconciling", "True", "RouteNotCarried", message),
    )
    return _plan(snapshot, "Accepted", (answer.why, message), said, now)


def _applied(snapshot: RequestSnapshot, answer: RequestAnswer, now: datetime) -> Plan:
    why, message = answer.why, answer.message
    said = (
        Said("Accepted", "True", why, message),
        Said("Applied", "True", why, message),
        Said("Refused", "False", why, message),
        Said("Reconciling", "False", why, message),
        Said("Stalled", "False", why, message),
    )
    return _plan(snapshot, "Applied", (why, message), said, now, Notice("Normal", "Applied", message))


def _refused(snapshot: RequestSnapshot, why: str, message: str, now: datetime) -> Plan:
    said = (
        Said("Accepted", "False", why, message),
        Said("Applied", "False", why, message),
        Said("Refused", "True", why, message),
        Said("Stalled", "True", why, message),  # kstatus: Failed. What waits for the request learns it at once
    )
    return _plan(snapshot, "Refused", (why, message), said, now, Notice("Warning", "Refused", message))


def _plan(
    snapshot: RequestSnapshot,
    phase: str,
    words: tuple[str, str],
    said: tuple[Said, ...],
    now: datetime,
    *notices: Notice,
) -> Plan:
    at = now if phase in ANSWERED else None
    fields = {"phase": phase, "reason": words[0], "message": words[1], "at": at, "inactive_fields": snapshot.inactive}
    status = with_conditions(snapshot.status.model_copy(update=fields), said, snapshot.generation, now)
    return Plan(status=as_written(status), notices=notices)
