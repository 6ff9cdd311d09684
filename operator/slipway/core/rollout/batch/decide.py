"""The decision for a Batch task: build, prove, try, take over. The CronJob's image is all that changes hands."""

from __future__ import annotations

from slipway.core.plan import Plan
from slipway.core.rollout.announcing import announce
from slipway.core.rollout.batch.conditions import conclude_batch
from slipway.core.rollout.batch.effects import effects
from slipway.core.rollout.batch.trial import trying
from slipway.core.rollout.campaign import end
from slipway.core.rollout.campaign_steps import building
from slipway.core.rollout.guard import keep_watch
from slipway.core.rollout.persisted import dump, position
from slipway.core.rollout.proving import proving
from slipway.core.rollout.recording import acted, look_again, record
from slipway.core.rollout.requests import attend
from slipway.core.rollout.turn import BUILD, PROVE, START, Turn
from slipway.core.rollout.wanted import consider

RESYNC_SECONDS = 60.0


def decide_batch(before: Turn) -> Plan:
    """A transition is written before anything is done about it; the next decision, at once, acts on it."""
    after = attend(before, _transition(before)).at_latest(RESYNC_SECONDS)
    after = announce(after)
    status = record(after, conclude_batch(after))
    if position(status) != position(before.status):
        return Plan(status=dump(status), notices=after.notices, requeue_after=0)
    actions = effects(before)
    return Plan(actions, dump(acted(before, status, actions)), after.notices, look_again(actions, after.wake))


def _transition(turn: Turn) -> Turn:
    before = turn.status
    if not turn.snapshot.task:
        return turn
    turn = consider(turn)
    if position(turn.status) != position(before):
        return turn
    if turn.stage is None:
        return keep_watch(turn)
    steps = {BUILD: building, PROVE: proving, START: trying}
    return steps.get(turn.stage_type, end)(turn)  # no traffic has to be taken from anybody
