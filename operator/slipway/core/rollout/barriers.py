"""What keeps a rollout from going on although its evidence would let it: a person, a task that means something else
by its features than the model does, or the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.core.definitions.told import CONDITION
from slipway.core.rollout.freeze import frozen
from slipway.core.rollout.redefined import why_held
from slipway.core.rollout.turn import Turn


@dataclass(frozen=True)
class Barrier:
    """`until` is known of a freeze."""

    reason: str
    message: str
    until: datetime | None = None


def barrier(turn: Turn) -> Barrier | None:
    """What keeps versions from beginning, stages from being passed and traffic from growing; never a way back."""
    held = turn.status.held
    if held is not None:
        message = f"held by {held.by}: {held.reason}; a RolloutRequest with action Resume lets it go on"
        return Barrier("Held", message)
    if turn.spec.paused:
        return Barrier("Paused", "paused")
    if turn.status.target is not None and (why := why_held(turn, turn.status.target)):
        return Barrier(CONDITION, why)
    closed = frozen(turn.spec.freeze, turn.now)
    if closed is None:
        return None
    if closed.until is None:
        zone = next(each.time_zone for each in turn.spec.freeze if each.name == closed.name)
        return Barrier("FreezeUnknown", f"the time zone {zone} of freeze {closed.name} is not known here")
    return Barrier("Frozen", f"freeze {closed.name} until {closed.until:%Y-%m-%dT%H:%M:%SZ}", closed.until)


def stopped(turn: Turn) -> bool:
    """Whether a person has stopped the rollout, by a request or in the spec: the calendar is not asked."""
    return turn.status.held is not None or turn.spec.paused


def ceiling(turn: Turn) -> str:
    """Why the running stage may not be passed by its evidence alone; empty when it may."""
    limit, names = turn.spec.advance_through, [stage.name for stage in turn.spec.stages]
    if limit is None or turn.progress.index <= names.index(limit):
        return ""
    return f"advanceThrough is {limit}"


def advance_allowed(turn: Turn) -> dict[str, tuple[str, str, str]]:
    """The condition AdvanceAllowed; nothing is said while nothing stands in the way."""
    stop = barrier(turn)
    if stop is not None:
        return {"AdvanceAllowed": ("False", stop.reason, stop.message)}
    over = ceiling(turn) if turn.stage is not None and 0 <= turn.stage.index < len(turn.spec.stages) else ""
    return {"AdvanceAllowed": ("False", "CeilingReached", over)} if over else {}
