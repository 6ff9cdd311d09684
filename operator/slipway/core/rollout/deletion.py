"""A deleted rollout: under Delete the route goes first, then the services; under Orphan stable and route stay."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.core.desired.names import FINALIZER, ROLLOUT_LABEL
from slipway.core.plan import Action, Delete, Plan, SetFinalizers, SetOwners
from slipway.core.rollout.campaign import end, roll_back
from slipway.core.rollout.campaign_steps import rolling_back
from slipway.core.rollout.effects import let_go, remove
from slipway.core.rollout.replacement import names_of, replace_deleted
from slipway.core.rollout.route import RouteView
from slipway.core.rollout.snapshot import Object, Snapshot, key_of, leaving, variant
from slipway.core.rollout.turn import ROLLBACK, Turn
from slipway.core.rollout.watching import observe_route

RETRY_SECONDS = 2.0


def delete_everything(snapshot: Snapshot) -> Plan:
    """Clients get 404 from a route that is gone, never 503 from one whose services are."""
    if FINALIZER not in snapshot.finalizers:
        return Plan()
    route = snapshot.route
    if route is not None and (route["metadata"].get("labels") or {}).get(ROLLOUT_LABEL) == snapshot.name:
        if leaving(route):
            return Plan(requeue_after=RETRY_SECONDS)
        return Plan((Delete(key_of(route), route["metadata"]["uid"]),), requeue_after=RETRY_SECONDS)
    own = [live for live in snapshot.services.values() if snapshot.is_own(live)]
    if own:
        actions = tuple(action for live in own for action in remove(live))
        return Plan(actions, requeue_after=RETRY_SECONDS)
    return Plan((_farewell(snapshot),))


def _farewell(snapshot: Snapshot) -> Action:
    rest = tuple(f for f in snapshot.finalizers if f != FINALIZER)
    return SetFinalizers(snapshot.key, snapshot.resource_version, rest)


def going(snapshot: Snapshot) -> bool:
    """Whether stable itself is being deleted, as with its namespace, and nothing that replaces it is there: then there
    is nothing to leave behind."""
    stable = variant(snapshot.status, "stable")
    alive = [snapshot.services.get(name) for name in names_of(stable)] if stable else []
    return all(live is None or leaving(live) for live in alive)


def let_everything_go(snapshot: Snapshot) -> Plan:
    """Takes our finalizers off and leaves the rest: under Orphan, when spec or status is not legible or all goes.

    Nothing has been decided since the policy became Orphan, so that what was made under Delete may still be owned: the
    garbage collector would take it with the rollout.
    """
    if FINALIZER not in snapshot.finalizers:
        return Plan()
    services = tuple(snapshot.services.values())
    released = tuple(action for live in services for action in let_go(live))
    kept = (*services, *((snapshot.route,) if snapshot.route is not None else ()))
    disowned = tuple(action for live in kept for action in _disown(live, snapshot.uid))
    return Plan((*released, *disowned, _farewell(snapshot)))


def _disown(live: Object, uid: str) -> Iterator[Action]:
    owners = live["metadata"].get("ownerReferences") or ()
    others = tuple(owner for owner in owners if owner.get("uid") != uid)
    if len(others) < len(owners):
        yield SetOwners(key_of(live), others)


def withdraw(turn: Turn, route: RouteView) -> Turn:
    """Under Orphan: the campaign is aborted and a replacement ended, so that stable alone is left."""
    turn = observe_route(turn, route)
    replaced = replace_deleted(turn, route)
    if replaced.status.variants != turn.status.variants:
        return replaced
    turn = replaced
    if turn.stage_type == ROLLBACK:
        return rolling_back(turn, route)
    if turn.variant("candidate") is not None:
        return roll_back(turn, "Aborted", "RolloutDeleted", "the ModelRollout was deleted")
    if turn.status.target is not None:
        return end(turn.record("Aborted", "RolloutDeleted", "the ModelRollout was deleted"))
    return turn.without("previous") if turn.variant("previous") else turn


def orphaned(turn: Turn, route: RouteView) -> Plan:
    """The last step under Orphan, when stable alone is left and route and service have no owner any more."""
    stable = turn.variant("stable")
    names = {name for name, live in turn.snapshot.services.items() if turn.snapshot.is_own(live)}
    if stable is None or names - {stable.inference_service} or (route.exists and not route.agrees):
        return Plan(requeue_after=RETRY_SECONDS)
    released = tuple(action for live in turn.snapshot.services.values() for action in let_go(live))
    return Plan((*released, _farewell(turn.snapshot)))
