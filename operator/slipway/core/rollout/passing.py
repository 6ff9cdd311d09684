"""What follows a stage, and which stages are passed over."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.api.v1alpha1.rollout_commands import SkippedStage
from slipway.api.v1alpha1.rollout_stages import REDESIGN, Stage
from slipway.api.v1alpha1.rollout_status import Target
from slipway.core.rollout.campaign import enter, promote
from slipway.core.rollout.turn import Turn


def passed_over(target: Target, stage: Stage) -> str:
    """Why a stage needs no evidence of this revision; empty when it does."""
    if stage.skip is not None:
        return f"spec.stages[{stage.name}].skip: {stage.skip.reason}"
    cause = target.cause or REDESIGN
    if cause not in stage.when:
        return f"spec.stages[{stage.name}].when does not name the cause {cause}"
    if target.promote and stage.type != "Approval":
        return f"Promote by {target.promote}"
    return ""


def ahead(stages: Sequence[Stage], target: Target, index: int) -> tuple[tuple[SkippedStage, ...], int]:
    """The stages that are passed over after the one at `index`, and the place of the one that follows them; after the
    last one, their number."""
    skipped: list[SkippedStage] = []
    for place in range(index + 1, len(stages)):
        because = passed_over(target, stages[place])
        if not because:
            return tuple(skipped), place
        skipped.append(SkippedStage(name=stages[place].name, reason=because))
    return tuple(skipped), len(stages)


def cut_short(turn: Turn, stage: Stage) -> str:
    """Why the running stage is left before it has passed; empty when it is not."""
    over = passed_over(turn.target, stage)
    if over or not turn.progress.advance:
        return over
    return "" if is_last(turn) else f"Advance by {turn.progress.advance}"


def is_last(turn: Turn) -> bool:
    """Whether all traffic follows the running stage."""
    return ahead(turn.spec.stages, turn.target, turn.progress.index)[1] >= len(turn.spec.stages)


def go_on(turn: Turn, because: str = "") -> Turn:
    """The next stage that is not passed over; after the last one, all traffic.

    `because` says why the running stage is left without having passed. What is left out is kept in history.
    """
    skipped, index = ahead(turn.spec.stages, turn.target, turn.progress.index)
    if because:
        skipped = (SkippedStage(name=turn.progress.name, reason=because), *skipped)
    elif turn.progress.index >= 0:
        message = f"stage {turn.progress.name} passed"
        turn = turn.notice("Normal", "StagePassed", message).record("StagePassed", turn.progress.type, message)
    turn = _skip(turn, skipped) if skipped else turn
    return enter(turn, index) if index < len(turn.spec.stages) else promote(turn)


def taken_out(turn: Turn) -> Turn:
    """With the running stage among those that are passed over, where the spec has it no more."""
    name = turn.progress.name
    if any(stage.name == name for stage in turn.spec.stages):
        return turn
    return _skip(turn, (SkippedStage(name=name, reason="taken out of spec.stages while it ran"),))


def _skip(turn: Turn, left: Sequence[SkippedStage]) -> Turn:
    names = {each.name for each in left}
    others = (each for each in turn.target.skipped if each.name not in names)
    turn = turn.set(target=turn.target.model_copy(update={"skipped": (*others, *left)[-20:]}))
    messages = [f"stage {each.name} is passed over: {each.reason}" for each in left]
    for message in messages:
        turn = turn.notice("Warning", "StageSkipped", message)
    return turn.record("StageSkipped", "PassedOver", "; ".join(messages))
