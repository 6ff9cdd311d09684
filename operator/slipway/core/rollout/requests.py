"""RolloutRequests in a decision: which of them counts, and its answer, written together with what it changes.

A request's answer stands in the rollout's status first, in the very write that changes the rollout; the request's own
status is derived from there (`core/request.py`). So no kill can separate an act from its answer, or repeat it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from slipway.api.v1alpha1.rollout_commands import MOST_REMEMBERED, REMEMBERED, RequestAnswer
from slipway.core.rollout.acts import ACTS, STOPPING, Refusal
from slipway.core.rollout.persisted import position
from slipway.core.rollout.snapshot import Request, Snapshot
from slipway.core.rollout.turn import Turn

LONGEST_REASON = 300
Outcome = Literal["Applied", "Refused"]


def attend(before: Turn, after: Turn) -> Turn:
    """The decision `after`, with requests answered: all that are refused, and at most one that is applied.

    The order among requests is their urgency, then their age, whatever the order in which they are seen:

    1. A decision that takes traffic away (a breach, a failure) stands alone; requests are looked at afterwards.
    2. Abort, Rollback and Hold come before a decision that goes forward, which is then not taken.
    3. Others wait until the decision itself has nothing to change.
    """
    requests = _open(before.snapshot)
    if not requests or _is_setback(before, after):
        return after
    moved = position(after.status) != position(before.status)
    turn, refused = after, []
    for request in requests:
        if moved and request.spec.action not in STOPPING:
            continue
        found = ACTS[request.spec.action](before if moved else after, request)
        if not isinstance(found, Refusal):
            turn = _record(before if moved else after, request, "Applied", request.spec.action, found.message)
            words = _words(request)
            turn = turn.notice("Normal", "Requested", words).record("Requested", request.spec.action, words)
            turn = found.change(turn)
            break
        refused.append((request, found))
    for request, refusal in refused:
        turn = _record(turn, request, "Refused", refusal.why, refusal.message)
    return turn.at_latest(0) if len(requests) > len(refused) else turn


def refuse_all(snapshot: Snapshot, why: str, message: str, now: datetime) -> tuple[RequestAnswer, ...]:
    """The answers in status once every open request was refused for the same reason."""
    answers = snapshot.status.requests
    for request in _open(snapshot):
        answers = _kept(snapshot, (_answer(snapshot, request, "Refused", why, message, now), *answers))
    return answers


def _open(snapshot: Snapshot) -> list[Request]:
    """Requests without an answer, the most urgent and then the oldest first; no more than there is room for."""
    answered = {each.uid for each in snapshot.status.requests}
    waiting = [each for each in snapshot.requests if each.uid not in answered]
    unread = sum(each.uid in answered for each in snapshot.requests)
    waiting.sort(key=lambda each: (each.spec.action not in STOPPING, each.created, each.name, each.uid))
    return waiting[: max(0, MOST_REMEMBERED - REMEMBERED - unread)]


def _is_setback(before: Turn, after: Turn) -> bool:
    """Whether a decision takes traffic from somebody, or has ended a campaign without a promotion."""
    ended = after.status.history[:1]
    if ended != before.status.history[:1] and ended[0].outcome != "Promoted":
        return True
    return _withheld(after) and not _withheld(before)


def _withheld(turn: Turn) -> bool:
    return turn.stage is not None and turn.stage.withheld_since is not None


def _record(turn: Turn, request: Request, outcome: Outcome, why: str, message: str) -> Turn:
    answer = _answer(turn.snapshot, request, outcome, why, message, turn.now)
    return turn.set(requests=_kept(turn.snapshot, (answer, *turn.status.requests)))


def _answer(
    snapshot: Snapshot, request: Request, outcome: Outcome, why: str, message: str, now: datetime
) -> RequestAnswer:
    stage, spec = snapshot.status.stage, request.spec
    return RequestAnswer(
        uid=request.uid, name=request.name, action=spec.action, requester=spec.requester, groups=spec.groups,
        reason=spec.reason[:LONGEST_REASON], stage=stage.name if stage else "", outcome=outcome, why=why,
        message=message, at=now,
    )  # fmt: skip


def _kept(snapshot: Snapshot, answers: Iterable[RequestAnswer]) -> tuple[RequestAnswer, ...]:
    """The newest, and older ones whose requests have not been told yet: those would be acted on again."""
    untold = {each.uid for each in snapshot.requests}
    numbered = enumerate(answers)
    return tuple(each for number, each in numbered if number < REMEMBERED or each.uid in untold)[:MOST_REMEMBERED]


def _words(request: Request) -> str:
    return f"{request.spec.action} by {request.spec.requester}: {request.spec.reason}"
