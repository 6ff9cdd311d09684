"""When a policy must stop by itself: what it does makes nothing better, or undoes itself.

A version that continues another is a small step of one model: that it follows soon, or is taken back, is no sign that
two models alternate. What is said here of promotions is said of versions that were trained in full.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from slipway.api.v1alpha1.incremental import NOTHING_NEW
from slipway.api.v1alpha1.retrain_status import Frozen, RetrainPolicyStatus, RunSummary
from slipway.core.retrain.continuing import grown_versions
from slipway.core.retrain.snapshot import Ended

LATELY = timedelta(days=14)
PROMOTIONS = 3
FUTILE = 2
_NOTHING = ("", "")  # digest and version
UNFREEZE = "look into it, then lift this by a RolloutRequest with action Unfreeze"


def flips(history: Sequence[Ended], since: datetime, grown: Collection[str] = ()) -> int:
    """How often what serves went back to what had served just before (A, B, A), later than `since`.

    `history` is the rollout's, newest first: a promotion brings a digest, a way back after it returns to the last one.
    `grown` are versions that continue another: a way back from one of these forks its lineage, and does not count.
    """
    count, serving, before = 0, _NOTHING, _NOTHING
    for entry in reversed(history):
        left = serving
        if entry.outcome == "Promoted":
            back = bool(entry.digest) and entry.digest == before[0]
            serving, before = (entry.digest, entry.version), serving
        elif entry.outcome in ("RolledBack", "Aborted") and entry.digest and entry.digest == serving[0]:
            back, serving, before = True, before, serving
        else:
            continue
        count += back and left[1] not in grown and entry.at > since
    return count


def oscillation(status: RetrainPolicyStatus, history: Sequence[Ended], now: datetime) -> Frozen | None:
    """Whether promotions undo each other, or follow each other too fast."""
    since = counted_since(status, now)
    if flips(history, since, grown_versions(status)):
        message = "what serves went back to what had served before (A, B, A) within 14 days"
        return _frozen("Oscillation", message, now)
    promoted = [
        turn
        for turn in status.turns
        if _promoted(turn) and not turn.base and turn.rollout_at and turn.rollout_at > since
    ]
    if len(promoted) >= PROMOTIONS:
        names = ", ".join(turn.version for turn in promoted[:PROMOTIONS])
        return _frozen("TooManyPromotions", f"versions {names} of triggered runs were promoted within 14 days", now)
    return None


def futility(status: RetrainPolicyStatus, causes: Sequence[str], now: datetime) -> Frozen | None:
    """Whether a further triggered run would be in vain: its causes outlived the runs before it.

    A model that took all traffic and sees the same drift against its own reference ends it at once; a run that failed
    is no answer to the question, and only prolongs the cooldown. Nor is one that found nothing new; and one that
    continued a version and was promoted has taken a step, of which several may be needed.
    """
    since = status.unfrozen_at
    answered = [turn for turn in status.turns if turn.budget == "Triggered" and turn.outcome == "Succeeded"]
    lately = [turn for turn in answered if since is None or (turn.created_at and turn.created_at > since)]
    vain: list[RunSummary] = []
    for turn in lately:
        if turn.reason == NOTHING_NEW:
            continue
        stepped = bool(turn.base) and _promoted(turn)
        if turn.ceased_at is not None or stepped or not set(turn.causes) & set(causes):
            break
        vain.append(turn)
    named = ", ".join(causes)
    if vain and _promoted(vain[0]):
        message = f"{named} holds against the reference of version {vain[0].version} as well, which was trained for it"
        return _frozen("DriftsFromNewReference", message, now)
    if len(vain) >= FUTILE:
        names = ", ".join(turn.name for turn in vain[:FUTILE])
        return _frozen("NotImproving", f"{named} still holds after TrainingRuns {names}", now)
    return None


def counted_since(status: RetrainPolicyStatus, now: datetime) -> datetime:
    """What happened before counts no more."""
    return max(now - LATELY, status.unfrozen_at or now - LATELY)


def _promoted(turn: RunSummary) -> bool:
    return turn.budget == "Triggered" and turn.rollout == "Promoted"


def _frozen(reason: str, message: str, now: datetime) -> Frozen:
    return Frozen(reason=reason, message=f"{message}: {UNFREEZE}", since=now)
