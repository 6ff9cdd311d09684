"""The decision itself: effects of the persisted status, then at most one transition."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from slipway.api.v1alpha1.modelrollout import KIND
from slipway.core.desired.names import FINALIZER
from slipway.core.plan import Plan
from slipway.core.rollout.adoption import adopting, awaits_adoption
from slipway.core.rollout.alarming import alarmed
from slipway.core.rollout.announcing import announce
from slipway.core.rollout.batch import decide_batch, is_batch, mode_changed, unusable_for_batch
from slipway.core.rollout.campaign_steps import building, promoting, rolling_back, starting
from slipway.core.rollout.conditions import conclude, conditions_of
from slipway.core.rollout.deletion import delete_everything, going, let_everything_go, orphaned, withdraw
from slipway.core.rollout.effects import effects
from slipway.core.rollout.guard import keep_watch, watch_stable
from slipway.core.rollout.holding_out import hold_out, watch_feedback
from slipway.core.rollout.persisted import dump, position
from slipway.core.rollout.proving import proving
from slipway.core.rollout.recording import acted, look_again, record
from slipway.core.rollout.replacement import replace_deleted, replacing
from slipway.core.rollout.requests import attend, refuse_all
from slipway.core.rollout.route import RouteView, view
from slipway.core.rollout.snapshot import Snapshot
from slipway.core.rollout.stages import in_stage
from slipway.core.rollout.turn import BUILD, PROMOTE, PROVE, ROLLBACK, START, Turn
from slipway.core.rollout.unreadable import tell
from slipway.core.rollout.wanted import consider
from slipway.core.rollout.watching import observe_route

RESYNC_SECONDS = 60.0


def decide(snapshot: Snapshot, now: datetime) -> Plan:
    """What to do, and what to remember. Pure: the same snapshot and instant give the same plan."""
    if snapshot.deleting:
        return _deleting(snapshot, now)
    if snapshot.unreadable is not None:
        return tell(snapshot, snapshot.unreadable, now)
    problem = _unusable(snapshot)
    if snapshot.spec is None or problem:
        return _refuse(snapshot, now, problem)
    turn = Turn(snapshot, snapshot.spec, now, snapshot.status)
    if is_batch(snapshot):
        return decide_batch(turn)
    route = view(snapshot)
    return _plan(turn, attend(turn, _transition(turn, route)), route)


def _plan(before: Turn, after: Turn, route: RouteView) -> Plan:
    """A transition is written before anything is done about it; the next decision, at once, acts on it."""
    after = after if after.snapshot.deleting else after.at_latest(RESYNC_SECONDS)
    after = announce(watch_feedback(after))
    status = record(after, conclude(after, route))
    if position(status) != position(before.status):
        return Plan(status=dump(status), notices=after.notices, requeue_after=0)
    actions = effects(before)
    return Plan(actions, dump(acted(before, status, actions)), after.notices, look_again(actions, after.wake))


def _transition(turn: Turn, route: RouteView) -> Turn:
    turn = observe_route(turn, route)
    if turn.status.epoch != turn.snapshot.status.epoch:
        return turn
    before = turn.status
    turn = hold_out(turn)
    if position(turn.status) != position(before):
        return turn
    turn = replace_deleted(turn, route)
    if position(turn.status) != position(before):
        return turn
    if turn.stage_type == PROMOTE and turn.variant("stable") is None and route.carried:
        return promoting(turn, route)  # it serves already: what is asked for instead finds it as stable
    if awaits_adoption(turn):
        return adopting(turn)
    turn = alarmed(turn)
    if position(turn.status) != position(before):
        return turn
    if turn.snapshot.task:
        turn = consider(turn)
    if position(turn.status) != position(before):
        return turn
    if turn.stage is None:
        return keep_watch(turn)
    turn = watch_stable(turn)
    if position(turn.status) != position(before):
        return turn
    before_traffic = {BUILD: building, PROVE: proving, START: starting}
    if turn.stage_type in before_traffic:
        return before_traffic[turn.stage_type](turn)
    steps = {PROMOTE: promoting, ROLLBACK: rolling_back}
    return steps.get(turn.stage_type, in_stage)(turn, route)


def _unusable(snapshot: Snapshot) -> str:
    """What makes a spec unusable for this version, beyond what its schema says."""
    spec = snapshot.spec
    if spec is None:
        return snapshot.invalid or "the spec is not valid"
    if is_batch(snapshot):
        return unusable_for_batch(snapshot, spec)
    if spec.traffic is None or spec.traffic.gateway_api is None:
        return "spec.traffic must be of type GatewayAPI: this version routes nothing else"
    if any(not variant.inference_service for variant in snapshot.status.variants):
        return mode_changed(spec.task_ref.name, "Batch", "Inline")
    if spec.model is None or spec.model.type == "Rules":
        return "spec.model must be of type MLflow, Run or Image: this version serves nothing else"
    if snapshot.status.variants:  # KServe has made the host: its template for domains is not the usual one
        return ""
    return KIND.host_problem(snapshot.name, snapshot.namespace)


def _refuse(snapshot: Snapshot, now: datetime, problem: str) -> Plan:
    """Says what is wrong and touches nothing: what serves goes on serving."""
    before = {c.type: (c.status, c.reason, c.message) for c in snapshot.status.conditions}
    stated: dict[str, tuple[str, str, str]] = {
        **before,
        "Accepted": ("False", "InvalidSpec", problem),
        "Stalled": ("True", "InvalidSpec", problem),
        "Reconciling": ("False", "InvalidSpec", "the spec is not acted on"),
    }
    stated.setdefault("Ready", ("False", "InvalidSpec", "nothing serves yet"))
    status = snapshot.status.model_copy(
        update={
            "observed_generation": snapshot.generation,
            "conditions": conditions_of(snapshot.status, stated, snapshot.generation, now),
            "requests": refuse_all(snapshot, "InvalidSpec", f"mend the rollout's spec first: {problem}", now),
        }
    )
    return Plan(status=dump(status))


def _deleting(snapshot: Snapshot, now: datetime) -> Plan:
    if FINALIZER not in snapshot.finalizers:
        return Plan()
    if snapshot.unreadable is not None:  # what serves is not known: under Orphan all of it may
        return let_everything_go(snapshot) if snapshot.orphan else delete_everything(snapshot)
    has_stable = any(v.name == "stable" for v in snapshot.status.variants)
    if not snapshot.orphan or not has_stable:
        return delete_everything(snapshot)
    if snapshot.spec is None or _unusable(snapshot) or going(snapshot):
        return let_everything_go(snapshot)
    turn = Turn(snapshot, snapshot.spec, now, snapshot.status)
    route = view(snapshot)
    plan = _plan(turn, withdraw(turn, route), route)
    left = turn.stage is None and all(v.name == "stable" for v in turn.status.variants) and not replacing(turn)
    if plan.actions or not left or plan.requeue_after == 0:
        return plan if plan.requeue_after is not None else replace(plan, requeue_after=2.0)
    return orphaned(turn, route)
