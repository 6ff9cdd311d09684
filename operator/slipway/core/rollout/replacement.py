"""What somebody deletes is replaced: by a second InferenceService of the same revision, under another name.

The deleted one keeps its pods for as long as our finalizer holds it (a foreground deletion takes them all the same). So
what serves everybody serves on until its successor is ready and warm; what gets no traffic changes its name at once;
and a candidate with traffic loses that first, since stable can serve it (`stages.protect`).
"""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import RETIRING, Retiring, Successor, Variant
from slipway.core.desired.names import GENERATIONS, inference_service_name
from slipway.core.rollout.presence import complaint, endpoints, full, live_service
from slipway.core.rollout.route import RouteView, header_of, intent, refers_to
from slipway.core.rollout.snapshot import leaving
from slipway.core.rollout.timing import in_flight
from slipway.core.rollout.turn import BEFORE_TRAFFIC, ROLLBACK, Turn

POLL_SECONDS = 5.0


def replace_deleted(turn: Turn, route: RouteView) -> Turn:
    """Gives each deleted InferenceService its successor, moves traffic to one that is warm, and notes since when those
    that were left have had no traffic."""
    turn = _retire(turn, route)
    for variant in turn.status.variants:
        turn = _replace(turn, variant, route)
    return turn


def free_name(turn: Turn, revision: str) -> str:
    """The first name of a revision under which nothing lives and nothing is asked for; empty when all are taken."""
    taken = {name for each in turn.status.variants for name in names_of(each)} | set(turn.snapshot.services)
    rollout = turn.snapshot.name
    names = (inference_service_name(rollout, revision, number) for number in range(1, GENERATIONS + 1))
    return next((name for name in names if name not in taken), "")


def names_of(variant: Variant) -> tuple[str, ...]:
    """Names of all InferenceServices that a variant needs."""
    own = (variant.inference_service,)
    return (*own, variant.successor.inference_service) if variant.successor else own


def replacing(turn: Turn) -> bool:
    """Whether a replacement is under way, down to the last request of what was deleted."""
    return bool(turn.status.retiring) or any(variant.successor for variant in turn.status.variants)


def coming(variant: Variant) -> Variant:
    """The variant as it will be when its successor, which there must be, has taken its place."""
    assert variant.successor is not None
    return variant.model_copy(update={"inference_service": variant.successor.inference_service})


def _replace(turn: Turn, variant: Variant, route: RouteView) -> Turn:
    if variant.successor is not None:
        return _succeed(turn, variant, route)
    if variant.adopted:  # nobody knows how to make it again
        return turn
    on_its_way_out = variant.name == "candidate" and turn.stage_type == ROLLBACK
    if on_its_way_out or not leaving(live_service(turn, variant)):
        return turn
    name = free_name(turn, variant.revision)
    if not name or len(turn.status.retiring) >= RETIRING:
        return turn.at_latest(POLL_SECONDS)
    if not _needed(turn, variant, route):
        return _move(turn, variant, name, routed=False)
    if variant.name != "stable" and turn.variant("stable") is not None:
        return _without_testers(turn, variant)
    message = f"somebody deleted InferenceService {variant.inference_service}: it serves until {name} has replaced it"
    turn = turn.notice("Warning", "ServiceDeleted", message)
    return turn.set_variant(variant.name, successor=Successor(inference_service=name, since=turn.now))


def _without_testers(turn: Turn, variant: Variant) -> Turn:
    """Nobody takes a share from a candidate that has none: it loses its testers here, and is replaced thereafter."""
    has_share = bool(variant.mirror) or variant.weight not in ("", "0%")
    return turn if has_share or variant.role == "Warming" else turn.set_variant(variant.name, role="Warming")


def _succeed(turn: Turn, variant: Variant, route: RouteView) -> Turn:
    """Until the successor is ready and warm; at once when it can answer and what it replaces cannot."""
    successor, next_ = variant.successor, coming(variant)
    assert successor is not None
    if leaving(live_service(turn, next_)):
        name = free_name(turn, variant.revision)
        again = successor.model_copy(update={"inference_service": name, "ready_since": None})
        return turn.set_variant(variant.name, successor=again) if name else turn.at_latest(POLL_SECONDS)
    needed, ready = _needed(turn, variant, route), full(turn, next_)
    since = (successor.ready_since or turn.now) if ready else None
    warm = since is not None and turn.age(since) >= turn.spec.warm_up.seconds
    better = endpoints(turn, variant) == 0 and endpoints(turn, next_) > 0
    if warm or better or not needed:
        return _move(turn, variant, next_.inference_service, routed=needed)
    if since != successor.ready_since:
        turn = turn.set_variant(variant.name, successor=successor.model_copy(update={"ready_since": since}))
    if turn.age(successor.since) >= turn.spec.progress_deadline.seconds:
        message = (
            f"{next_.inference_service} is not ready after {turn.spec.progress_deadline}: {complaint(turn, next_)}"
        )
        turn = turn.say("Stalled", "True", "ReplacementNotReady", message)
    left = turn.spec.warm_up.seconds - turn.age(since) if since is not None else POLL_SECONDS
    return turn.at_latest(max(1.0, min(left, POLL_SECONDS)))


def _needed(turn: Turn, variant: Variant, route: RouteView) -> bool:
    """Whether requests may go to a variant: the route names it, or is about to."""
    asked = intent(turn.status, header_of(turn.spec), turn.spec.qa_header)
    named = (asked.main, asked.candidate, asked.tester) if asked else ()
    wanted = {each.inference_service for each in named if each}
    return variant.inference_service in wanted or refers_to(route, variant.inference_service)


def _move(turn: Turn, variant: Variant, name: str, routed: bool) -> Turn:
    """The variant is another InferenceService from now on. Its evidence stays: the revision is the same, and the split.

    The route of the running stage is a new one of our own, so that its change is nobody's edit."""
    old = variant.inference_service
    turn = turn.set_variant(variant.name, inference_service=name, successor=None)
    if old in turn.snapshot.services:
        turn = turn.set(retiring=(*turn.status.retiring, Retiring(name=old)))
    if routed and turn.stage is not None and turn.stage_type not in BEFORE_TRAFFIC:
        turn = turn.set_stage(route_generation=0, route_observed_at=None)
    return turn.notice(
        "Normal", "ServiceReplaced", f"InferenceService {name} takes the place of {old}, which was deleted"
    )


def _retire(turn: Turn, route: RouteView) -> Turn:
    kept = []
    needed = {name for variant in turn.status.variants for name in names_of(variant)}
    for each in turn.status.retiring:
        if each.name not in turn.snapshot.services or each.name in needed:  # gone, or taken over by a new attempt
            continue
        if each.since is None and route.carried and not refers_to(route, each.name):
            each = each.model_copy(update={"since": turn.now})
        left = in_flight(turn) - turn.age(each.since) if each.since else POLL_SECONDS
        turn = turn.at_latest(max(1.0, left))
        kept.append(each)
    return turn if tuple(kept) == turn.status.retiring else turn.set(retiring=tuple(kept))
