"""Stages that wait for a person: Approval, and those that this version does not run."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import StageProgress, Variant
from slipway.core.rollout.barriers import barrier, ceiling
from slipway.core.rollout.passing import cut_short, go_on
from slipway.core.rollout.presence import not_ready
from slipway.core.rollout.turn import TRAFFIC_STAGES, Turn

NONE = ("", "0%")


def has_share(candidate: Variant | None) -> bool:
    """Whether live requests, or copies of them, go to the candidate: then there is evidence, and gates judge it."""
    return candidate is not None and (bool(candidate.mirror) or candidate.weight not in NONE)


def measured(turn: Turn, stage: Stage) -> bool:
    """Whether evidence is looked at in a stage: one of type Approval keeps the traffic of the stage before."""
    return stage.type in TRAFFIC_STAGES or (stage.type == "Approval" and has_share(turn.variant("candidate")))


def source(stages: Sequence[Stage], progress: StageProgress) -> Stage | None:
    """The stage whose traffic a running stage of type Approval keeps; None in another, and where the spec has it no
    more: its gates have gone with it then. How much traffic that stage asks for by now does not matter."""
    return next((stage for stage in stages if stage.name == progress.source), None)


def missing_approval(turn: Turn, stage: Stage) -> str:
    """Whose approval is missing; empty when none is."""
    if stage.approval is None or turn.progress.approved:
        return ""
    return f"approval by a member of {' or '.join(stage.approval.groups)}"


def say_awaiting(turn: Turn, stage: Stage) -> Turn:
    """What a person has to do. Nothing is ill: kstatus would call Stalled a failure."""
    message = (
        f"stage {stage.name} waits for {missing_approval(turn, stage)}: a RolloutRequest with action Approve "
        f"(slipway approve {turn.snapshot.name})"
    )
    came = turn.progress.source
    if came and source(turn.spec.stages, turn.progress) is None:
        message += f"; stage {came}, whose traffic it keeps, is not in the spec any more, and its gates hold no more"
    return turn.say("Progressing", "False", "AwaitingApproval", message)


def unmeasured(turn: Turn, stage: Stage) -> Turn:
    """A stage without traffic. One of a type that this version does not run is left by a request or by its skip."""
    over, stop = cut_short(turn, stage), barrier(turn)
    missing, unready, breached = missing_approval(turn, stage), not_ready(turn), turn.status.standing_breach
    if not unready and turn.the("candidate").role == "Warming":
        turn = turn.set_variant("candidate", role="Waiting")
    waits = [("NotReady", unready)] if unready else []
    if breached:  # of the stage whose place this one has taken
        waits.insert(0, ("Breached", f"gate {breached} has breached"))
    if not over and ceiling(turn):
        waits.insert(0, ("CeilingReached", ceiling(turn)))
    if stop is not None:
        waits.insert(0, (stop.reason, stop.message))
    if not over and missing:
        waits.insert(0, ("AwaitingApproval", missing))
    if not waits and (over or stage.type == "Approval"):
        return go_on(turn, over)
    told = "; ".join(message for _, message in waits)
    turn = turn.set_stage(message=told) if turn.progress.message != told else turn
    if stage.type == "Approval" and missing:
        return say_awaiting(turn, stage)
    if over or stage.type == "Approval":
        return turn.say("Progressing", "False", waits[0][0], f"stage {stage.name}: {waits[0][1]}")
    message = (
        f"stage {stage.name}: this version does not run stages of type {stage.type}; take it out, or skip it, to go on"
    )
    turn = turn.say("Progressing", "False", "StageNotSupported", message)
    return turn.say("Stalled", "True", "StageNotSupported", message)
