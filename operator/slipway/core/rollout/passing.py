"""What follows a stage, and which stages are passed over."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_commands import SkippedStage
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.core.rollout.campaign import enter, promote
from slipway.core.rollout.turn import Turn

REDESIGN = "Redesign"
"""The cause of a model that tells none: it passes the most stages."""


def passed_over(turn: Turn, stage: Stage) -> str:
    """Why a stage needs no evidence of this revision; empty when it does."""
    if stage.skip is not None:
        return f"spec.stages[{stage.name}].skip: {stage.skip.reason}"
    cause = turn.target.cause or REDESIGN
    if cause not in stage.when:
        return f"spec.stages[{stage.name}].when does not name the cause {cause}"
    if turn.target.promote and stage.type != "Approval":
        return f"Promote by {turn.target.promote}"
    return ""


def cut_short(turn: Turn, stage: Stage) -> str:
    """Why the running stage is left before it has passed; empty when it is not."""
    over = passed_over(turn, stage)
    if over or not turn.progress.advance:
        return over
    last = _following(turn, turn.progress.index)[1] >= len(turn.spec.stages)
    return "" if last else f"Advance by {turn.progress.advance}"


def is_last(turn: Turn) -> bool:
    """Whether all traffic follows the running stage."""
    return _following(turn, turn.progress.index)[1] >= len(turn.spec.stages)


def go_on(turn: Turn, because: str = "") -> Turn:
    """The next stage that is not passed over; after the last one, all traffic.

    `because` says why the running stage is left without having passed. What is left out is kept in history.
    """
    turn = _skip(turn, turn.progress.name, because) if because else turn
    turn, index = _following(turn, turn.progress.index)
    return enter(turn, index) if index < len(turn.spec.stages) else promote(turn)


def _following(turn: Turn, index: int) -> tuple[Turn, int]:
    for place in range(index + 1, len(turn.spec.stages)):
        stage = turn.spec.stages[place]
        because = passed_over(turn, stage)
        if not because:
            return turn, place
        turn = _skip(turn, stage.name, because)
    return turn, len(turn.spec.stages)


def _skip(turn: Turn, name: str, because: str) -> Turn:
    others = tuple(each for each in turn.target.skipped if each.name != name)
    skipped = (*others, SkippedStage(name=name, reason=because))[-20:]
    turn = turn.set(target=turn.target.model_copy(update={"skipped": skipped}))
    return turn.notice("Warning", "StageSkipped", f"stage {name} is passed over: {because}")
