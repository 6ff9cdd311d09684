"""RolloutRequests to a RetrainPolicy: answered in the policy's status, in the very write that lifts the freeze."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.rollout_commands import MOST_REMEMBERED, REMEMBERED, RequestAnswer
from slipway.core.plan import Notice
from slipway.core.retrain.snapshot import RetrainSnapshot
from slipway.core.rollout.snapshot import Request

LONGEST_REASON = 300


def attended(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, now: datetime
) -> tuple[RetrainPolicyStatus, tuple[Notice, ...]]:
    """The status with every open request answered, the oldest first: the first one lifts a freeze, others find none."""
    answered = {each.uid for each in status.requests}
    notices: list[Notice] = []
    for request in sorted(snapshot.requests, key=lambda each: (each.created, each.name, each.uid)):
        if request.uid in answered or len(_kept(snapshot, status.requests)) >= MOST_REMEMBERED:
            continue
        status, told = _answered(snapshot, status, request, now)
        notices.append(told)
    return status, tuple(notices)


def _kept(snapshot: RetrainSnapshot, answers: tuple[RequestAnswer, ...]) -> tuple[RequestAnswer, ...]:
    """The newest, and older ones whose requests have not been told yet: those would be acted on again."""
    untold = {each.uid for each in snapshot.requests}
    return tuple(each for number, each in enumerate(answers) if number < REMEMBERED or each.uid in untold)


def _answered(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, request: Request, now: datetime
) -> tuple[RetrainPolicyStatus, Notice]:
    frozen, spec = status.frozen, request.spec
    applied = frozen is not None
    message = (
        f"the freeze {frozen.reason} is lifted; what happened before counts no more"
        if frozen is not None
        else "the policy is not frozen: nothing was changed"
    )
    answer = RequestAnswer(
        uid=request.uid, name=request.name, action=spec.action, requester=spec.requester, groups=spec.groups,
        reason=spec.reason[:LONGEST_REASON], outcome="Applied" if applied else "Refused",
        why="Unfrozen" if applied else "NotFrozen", message=message, at=now,
    )  # fmt: skip
    kept = _kept(snapshot, (answer, *status.requests))
    lifted = {"frozen": None, "unfrozen_at": now, "flips": 0} if applied else {}
    words = f"{spec.action} by {spec.requester}: {spec.reason}"
    return status.model_copy(update={"requests": kept, **lifted}), Notice("Normal", "Requested", words)
