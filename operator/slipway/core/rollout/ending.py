"""How a version ended: its entry in the history and in the evidence ledger, and whether it may be tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from slipway.api.v1alpha1.rollout_benchmark import Benchmark
from slipway.api.v1alpha1.rollout_commands import RequestAnswer
from slipway.api.v1alpha1.rollout_status import HistoryEntry, Rejected, Target, Variant
from slipway.core.rollout.revision import intent_hash
from slipway.core.rollout.together import together
from slipway.core.rollout.turn import Turn

HISTORY = 10
REJECTED = 20
PINNED = "PreviousPinned"
"""Reason of a way back that a person has asked for."""

Outcome = Literal["Promoted", "RolledBack", "Failed", "Superseded", "Aborted", "Inconclusive"]


def remember(turn: Turn, variant: Variant, outcome: Outcome, reason: str, message: str) -> Turn:
    """With an entry about the version in history and ledger: what it was judged by goes with the next stage."""
    entry = _entry(turn, variant, outcome, reason, message)
    turn = turn.record("Restored" if reason == PINNED else outcome, reason, message)
    history = (entry, *turn.status.history)[:HISTORY]
    return turn.set(history=history, metrics_together=together(history), side_by_side=())


def reject(turn: Turn, held: Target | Variant, reason: str) -> Turn:
    """Not tried again until the spec asks for something else, or for it in another way."""
    intent = intent_hash(turn.spec, turn.snapshot.latency, held.contents)
    same = {"digest": held.digest, "model": held.model, "version": held.version}
    entry = Rejected(**same, reason=reason, at=turn.now, intent=intent)
    others = (r for r in turn.status.rejected if r.model_dump(include=set(same)) != same)
    return turn.set(rejected=(entry, *others)[:REJECTED])


def grounds(turn: Turn) -> tuple[str, str]:
    """Why a version was promoted: what it has proved is said of none that a person or an open end let pass."""
    target, test = turn.target, turn.status.ab_test
    if target.promote:
        return "PromoteRequested", f"Promote by {target.promote}"
    if test is not None and test.outcome == "Promote":
        return "Inconclusive", f"experiment {test.stage} ended undecided, and its ifInconclusive is Promote"
    if target.skipped:
        return "StagesPassedOver", f"without {', '.join(each.name for each in target.skipped)}"
    return "AllStagesPassed", ""


def nobody(target: Target, benchmark: Benchmark | None) -> Variant:
    """What stands in history for a version that no revision was made of."""
    return Variant(
        name="candidate", model=target.model, version=target.version, digest=target.digest, benchmark=benchmark
    )


def _entry(turn: Turn, variant: Variant, outcome: Outcome, reason: str, message: str) -> HistoryEntry:
    target, stage = turn.status.target, turn.stage
    began = (target.started_at if target else None) or variant.since
    return HistoryEntry(
        revision=variant.revision, number=variant.number, model=variant.model, version=variant.version,
        digest=variant.digest,
        outcome=outcome, stage=stage.name if stage else "", reason=reason, message=message,
        started_at=began, ended_at=turn.now, gates=turn.status.gates,
        benchmark=variant.benchmark, cause=target.cause if target else "", skipped=target.skipped if target else (),
        requests=_applied_since(turn, began), ab_test=turn.status.ab_test,
    )  # fmt: skip


def _applied_since(turn: Turn, began: datetime | None) -> tuple[RequestAnswer, ...]:
    """What people asked of a campaign and got; a Retry asks for one that has not begun."""
    applied = (each for each in turn.status.requests if each.outcome == "Applied" and each.action != "Retry")
    return tuple(each for each in applied if each.at and began and each.at >= began)[:HISTORY]
