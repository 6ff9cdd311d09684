"""Compares the live route with what was recorded of it: who carried it, and who touched it."""

from __future__ import annotations

from slipway.core.rollout.route import RouteView
from slipway.core.rollout.turn import BEFORE_TRAFFIC, Turn


def observe_route(turn: Turn, route: RouteView) -> Turn:
    """Records when the gateway first carries the route of a stage; restarts evidence when somebody changed it.

    Recorded is the generation: an edit that was taken back in between is still seen.
    """
    stage = turn.stage
    if stage is None or stage.type in BEFORE_TRAFFIC:
        return turn
    known = stage.route_generation
    if known and (not route.agrees or route.generation != known):
        return _disturbed(turn)
    if not route.carried:
        return turn if stage.route_observed_at is None else turn.set_stage(route_observed_at=None)
    if stage.route_observed_at is None:
        return turn.set_stage(route_generation=route.generation, route_observed_at=turn.now)
    return turn


def _disturbed(turn: Turn) -> Turn:
    """Our own spec's change moves the route as well: no one is to blame, but the evidence restarts all the same."""
    if turn.snapshot.generation != turn.snapshot.status.observed_generation:
        return turn.new_epoch().notice("Normal", "RouteFollowsSpec", "the route follows the changed spec")
    message = "the HTTPRoute was changed by somebody else: it is put back, and evidence restarts"
    return turn.new_epoch().notice("Warning", "RouteEdited", message)
