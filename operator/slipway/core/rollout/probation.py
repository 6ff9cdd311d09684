"""Probation: after promotion the version before it is kept until the new one's own labels decide, at the longest for
`keepPrevious.atMost`. What they surely say against it sends it back; what nobody knows never does."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.gates import Limit
from slipway.api.v1alpha1.rollout_probation import Probation
from slipway.api.v1alpha1.rollout_status import GateResult, Variant
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.rollout.campaign import REPLACED, revert
from slipway.core.rollout.presence import answers, complaint
from slipway.core.rollout.probation_look import NAME, illness, looked, question, unlookable
from slipway.core.rollout.turn import PROMOTE, Turn
from slipway.statistics.proportions import SEPARATING_TRIALS

CONDITION = "OnProbation"
FAILED, TOO_SHORT = "ProbationFailed", "KeepPreviousTooShort"
_ENDED = {"Pass": "Passed", "Breach": FAILED, "Undecided": "Undecided"}
Statement = tuple[str, str, str]


def on_probation(turn: Turn) -> Turn:
    """Begins it where a version before is kept, looks at what matured labels say, and acts on that. While all traffic
    is on its way to another version nothing is decided about this one."""
    limit, stable, previous = turn.spec.promotion.probation, turn.variant("stable"), turn.variant("previous")
    known = turn.status.probation
    if limit is None or stable is None or previous is None or previous.role == REPLACED:
        over = known is not None and (limit is None or known.verdict == "Wait")
        return turn.set(probation=None) if over else turn
    if turn.stage_type == PROMOTE:
        return turn
    turn = _begun(turn, limit, stable, previous)
    found = turn.status.probation
    if found is None or found.verdict in ("Pass", "Undecided"):
        return turn
    if found.verdict == "Wait" and turn.now >= latest(turn, previous):
        return _undecided(turn, found)
    turn = looked(turn, limit, found) if found.verdict == "Wait" else turn
    return _acted(turn, previous)


def latest(turn: Turn, previous: Variant) -> datetime:
    """Until when the previous variant is kept at the most."""
    return (previous.since or turn.now) + turn.spec.promotion.keep_previous.at_most.timedelta


def keeps_previous(turn: Turn) -> bool:
    """Whether the version before must stay: the labels have not decided, or a person has to."""
    known = turn.status.probation
    return known is not None and known.verdict in ("Wait", "Breach")


def undercut(turn: Turn) -> str:
    """Why no probation can end by its labels; empty where one can."""
    task, keep = turn.snapshot.contract, turn.spec.promotion.keep_previous
    if turn.spec.promotion.probation is None or task is None:
        return ""
    age = task.label.matured_after
    if age < keep.at_most.timedelta:
        return ""
    takes = Duration.of(age.total_seconds())
    return (
        f"spec.promotion.keepPrevious.atMost is {keep.at_most}, and labels take {takes} (label.maturity of ModelTask "
        f"{turn.spec.task_ref.name}): no probation would see one; make atMost longer, or take spec.promotion.probation "
        "out"
    )


def told(turn: Turn) -> dict[str, Statement]:
    """The condition OnProbation; nothing where the spec asks for none, or nothing serves yet."""
    limit, stable, known = turn.spec.promotion.probation, turn.variant("stable"), turn.status.probation
    if limit is None or stable is None or turn.snapshot.batch is not None:
        return {}
    if known is not None and known.verdict == "Breach":
        return {CONDITION: ("False", FAILED, f"version {known.version}: {known.message}")}
    if known is None or known.revision != stable.revision:
        message = f"no version is kept to go back to, so version {stable.version} is not on probation"
        return {CONDITION: ("False", "NoPrevious", message)}
    if known.verdict != "Wait":
        return {CONDITION: ("False", _ENDED[known.verdict], f"version {known.version}: {known.message}")}
    until = f" until {known.ends:%Y-%m-%dT%H:%M:%SZ}" if known.ends else ""
    ill = unlookable(turn, known) or illness(turn, known)
    reason, why = (ill.reason, ill.message) if ill is not None else (known.reason, known.message)
    return {CONDITION: ("True", reason, f"version {known.version} is on probation{until} at the latest: {why}")}


def _begun(turn: Turn, limit: Limit, stable: Variant, previous: Variant) -> Turn:
    """The probation of this promotion, as far as it is known; anew where something else is asked now. A task that
    cannot be read asks nothing else."""
    known, ends = turn.status.probation, latest(turn, previous)
    mine = known is not None and known.revision == stable.revision and known.since == previous.since
    asked = question(turn, limit, stable, previous)
    if known is not None and mine and (known.question == asked or turn.snapshot.contract is None):
        return turn if known.ends == ends else turn.set(probation=known.model_copy(update={"ends": ends}))
    must = f"{limit.metric} {limit.op} {limit.bound}"
    if known is not None and known.verdict == "Wait" and not mine:
        message = f"version {known.version} was replaced before its labels decided"
        turn = turn.notice("Normal", "ProbationEnded", message)
    begun = Probation(
        metric=limit.metric, revision=stable.revision, version=stable.version, question=asked, since=previous.since,
        ends=ends, bound=f"{limit.op} {limit.bound}", needed=SEPARATING_TRIALS, run=known.run if known else 0,
        reason="LabelsMature", message=f"{must} is to be confirmed by its own labels, once they have matured",
    )  # fmt: skip
    message = (
        f"version {stable.version} is on probation: {must}, by its own labels; version {previous.version} is kept "
        f"until they decide, and at the latest until {ends:%Y-%m-%dT%H:%M:%SZ}"
    )
    return turn.set(probation=begun).notice("Normal", "ProbationStarted", message)


def _acted(turn: Turn, previous: Variant) -> Turn:
    known, before = turn.status.probation, turn.snapshot.status.probation
    if known is None or known.verdict == "Wait":
        return turn
    if known.verdict == "Breach":
        first = before is None or before.question != known.question or before.verdict != "Breach"
        return _breached(turn, known, previous, first)
    message = f"version {known.version} has passed its probation: {known.message}"
    return turn.record("ProbationPassed", "Kept", message).notice("Normal", "ProbationPassed", message)


def _breached(turn: Turn, known: Probation, previous: Variant, first: bool) -> Turn:
    """As a gate that is violated after promotion: the way back, or a person's word."""
    message = f"on probation: {known.message}"
    place = "gates" if turn.stage is None else "stable_gates"
    result = _evidence(turn, known)
    judged = (*(each for each in getattr(turn.status, place) if each.name != result.name), result)
    if turn.spec.on_breach == "Rollback" and answers(turn, previous):
        return revert(turn.set(**{place: judged}), FAILED, message)
    decide = "a person decides: a RolloutRequest with action Rollback goes back"
    if turn.spec.on_breach == "Rollback":
        decide = f"version {previous.version} serves again once it can: {complaint(turn, previous)}"
    if first:
        recorded = turn.set(gates=judged).record("Breached", FAILED, f"version {known.version} {message}; {decide}")
        turn = recorded.set(gates=turn.status.gates).notice("Warning", FAILED, f"version {known.version} {message}")
    return turn.say("Stalled", "True", "Breached", f"version {known.version} {message}; {decide}")


def _evidence(turn: Turn, known: Probation) -> GateResult:
    """The figure among the gates, whose evidence history and ledger keep."""
    return GateResult(
        name=f"{NAME}.{known.metric}", metric=known.metric, value=known.value, low=known.low, high=known.high,
        bound=known.bound, samples=known.trials, verdict="Breach", message=known.message,
        since=known.decided_at or turn.now, breaches=1,
    )  # fmt: skip


def _undecided(turn: Turn, known: Probation) -> Turn:
    ill = unlookable(turn, known)
    why = ill.message if ill is not None else known.failure or known.message
    message = f"its labels have not decided by the end of keepPrevious.atMost: {why}"
    update = {"verdict": "Undecided", "reason": "Undecided", "message": message, "running": False}
    turn = turn.set(probation=known.model_copy(update={**update, "decided_at": turn.now}))
    told_of = f"the probation of version {known.version} has ended undecided: {message}"
    return turn.record("ProbationUndecided", "KeptAtMost", told_of).notice("Warning", "ProbationUndecided", told_of)
