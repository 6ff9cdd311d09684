"""The stage's clock: it runs only while the traffic that counts is the traffic asked for (rule 6)."""

from __future__ import annotations

from datetime import timedelta

from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import Split
from slipway.core.evidence import Evidence
from slipway.core.plan import Unavailable
from slipway.core.rollout.presence import answers, complaint, not_ready
from slipway.core.rollout.route import RouteView, header_of, intent
from slipway.core.rollout.turn import TICK, Turn
from slipway.statistics.sketch import Distinct
from slipway.statistics.split import Agreement, agreement, mirror_agreement


def measured_split(turn: Turn, evidence: Evidence) -> Split | None:
    """The candidate's share as asked for and as measured; None while nothing was measured."""
    asked = intent(turn.status, header_of(turn.spec))
    if asked is None or asked.candidate is None:
        return None
    ours, theirs = evidence.candidate, evidence.stable
    if ours.scraped is None or theirs.scraped is None or evidence.age <= 0:
        return None
    skew = min(1.0, max(ours.scraped, theirs.scraped) / evidence.age)
    if asked.mirror > 0:
        found = mirror_agreement(ours.requests or 0.0, theirs.requests or 0.0, float(asked.mirror), skew)
        return _split(found, "Requests")
    share = float(asked.expected_share)
    if evidence.assigned:
        nobody = Distinct(0.0, 0.0)
        found = agreement(ours.exposures or nobody, theirs.exposures or nobody, share, skew)
        return _split(found, "Entities")
    found = agreement(Distinct(ours.requests or 0.0, 0.0), Distinct(theirs.requests or 0.0, 0.0), share, skew)
    return _split(found, "Requests")


def _split(found: Agreement, basis: str) -> Split:
    return Split(
        requested=_percent(found.requested), observed=_percent(found.observed), low=_percent(found.low),
        high=_percent(found.high), basis="Entities" if basis == "Entities" else "Requests", agrees=found.agrees,
    )  # fmt: skip


def _percent(value: float) -> str:
    return f"{value * 100:.4g}%"


def standing(turn: Turn, route: RouteView, split: Split | None) -> str:
    """Why the clock may not run; empty when it may."""
    stable, evidence = turn.variant("stable"), turn.snapshot.evidence
    if turn.stage is not None and turn.stage.withheld_since is not None:
        return "the candidate gets no traffic: it cannot answer"
    if not route.carried:
        return route.complaint or "the route is being changed"
    unready = not_ready(turn)
    if unready:
        return unready
    if not answers(turn, stable):
        return f"stable is not ready: {complaint(turn, stable)}"
    if isinstance(evidence, Unavailable):
        return f"there is no evidence ({evidence.reason})"
    if stable is not None and stable.adopted and (split is None or split.agrees is None):
        return (
            f"the adopted service {stable.version} reports nothing of its own, so that the split cannot be measured: a "
            "person leaves the stage (Advance, Promote)"
        )
    if split is None or split.agrees is None:
        return "too little traffic was measured to compare the split"
    if not split.agrees:
        measured = f"{split.observed} ({split.low} to {split.high})"
        return f"the measured split, {measured}, is not the {split.requested} asked for"
    return ""


def run(turn: Turn, standing_because: str) -> Turn:
    """Starts or stops the clock; while it keeps running nothing is written."""
    stage = turn.progress
    if not standing_because:
        return turn if stage.running_since else turn.set_stage(running_since=turn.now + TICK)
    if stage.running_since is None:
        return turn
    return turn.set_stage(accrued_seconds=int(elapsed(turn)), running_since=None, expected_end=None)


def elapsed(turn: Turn) -> float:
    """Seconds that count towards minDuration."""
    stage = turn.stage
    return stage.accrued_seconds + turn.age(stage.running_since) if stage else 0.0


def remaining(turn: Turn, stage: Stage) -> float:
    """Seconds still missing from minDuration."""
    return max(0.0, (stage.min_duration.seconds if stage.min_duration else 0.0) - elapsed(turn))


def expect_end(turn: Turn, stage: Stage) -> Turn:
    """When minDuration will be reached if the clock keeps running: a constant while it does."""
    progress = turn.stage
    if progress is None or progress.running_since is None:
        return turn
    left = (stage.min_duration.seconds if stage.min_duration else 0.0) - progress.accrued_seconds
    end = progress.running_since + timedelta(seconds=max(0.0, left))
    return turn if progress.expected_end == end else turn.set_stage(expected_end=end)
