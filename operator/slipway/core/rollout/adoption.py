"""A service that runs already becomes the first stable, as it is: nothing of it is written, so that no pod restarts."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.desired.adopted_route import not_adoptable
from slipway.core.desired.names import REVISION_LABEL, ROLLOUT_LABEL, predictor_service, short_hash
from slipway.core.kstatus import is_true
from slipway.core.rollout.ending import remember
from slipway.core.rollout.route import header_of
from slipway.core.rollout.snapshot import Object, leaving
from slipway.core.rollout.turn import Turn

ADOPTED = "Adopted"
POLL_SECONDS = 15.0
_MODES = ("Standard", "RawDeployment")
"""Of KServe, in which a Deployment and a Service are behind an InferenceService: the second is the older name."""

_MODE = "serving.kserve.io/deploymentMode"
Problem = tuple[str, str]


def awaits_adoption(turn: Turn) -> bool:
    """Whether the spec names a service that is not stable yet, and nothing else serves or is on its way to."""
    nothing = turn.variant("stable") is None and turn.status.target is None
    return turn.spec.adopt is not None and nothing


def adopting(turn: Turn) -> Turn:
    """Takes the service over, or says why not. Until then no version is rolled out: it would be a second service."""
    assert turn.spec.adopt is not None
    name = turn.spec.adopt.inference_service_ref.name
    live = turn.snapshot.services.get(name)
    problem = next(_problems(turn, name, live), None)
    if problem is not None or live is None:
        reason, message = problem or ("NotFound", "")
        turn = turn.say(ADOPTED, "False", reason, message).at_latest(POLL_SECONDS)
        turn = turn.say("Progressing", "False", reason, f"nothing is rolled out before {name} is adopted: {message}")
        return turn if reason == "NotReady" else turn.say("Stalled", "True", reason, message)
    stable = _stable(turn, name, live)
    message = f"InferenceService {name} serves on as stable; it was not touched"
    turn = turn.set(variants=(stable,), revision_counter=stable.number).new_epoch()
    return remember(turn, stable, "Promoted", ADOPTED, message).notice("Normal", ADOPTED, message)


def _stable(turn: Turn, name: str, live: Object) -> Variant:
    """What a rollout of this name has left behind (Orphan) keeps its revision, under which its pods report."""
    labels, predictor = live["metadata"].get("labels") or {}, live["spec"].get("predictor") or {}
    own = labels.get(REVISION_LABEL) if labels.get(ROLLOUT_LABEL) == turn.snapshot.name else None
    containers = predictor.get("containers") or [predictor.get("model") or {}]
    return Variant(
        name="stable", role="Serving", revision=own or short_hash([ADOPTED, live["metadata"]["uid"]]),
        number=turn.status.revision_counter + 1, version=name, image=str(containers[0].get("image") or ""),
        inference_service=name, weight="100%", replicas=max(1, int(predictor.get("minReplicas") or 1)), since=turn.now,
        adopted=True,
    )  # fmt: skip


def _problems(turn: Turn, name: str, live: Object | None) -> Iterator[Problem]:
    """What keeps a service from being adopted, the first of which counts."""
    if live is None:
        yield "NotFound", f"there is no InferenceService {name} in namespace {turn.snapshot.namespace}"
        return
    if leaving(live):
        yield "BeingDeleted", f"InferenceService {name} is being deleted"
    owner = (live["metadata"].get("labels") or {}).get(ROLLOUT_LABEL, turn.snapshot.name)
    if owner != turn.snapshot.name:
        yield "BelongsToAnother", f"InferenceService {name} is labelled as that of ModelRollout {owner}: adopt it there"
    status, annotations = live.get("status") or {}, live["metadata"].get("annotations") or {}
    mode = status.get("deploymentMode") or annotations.get(_MODE) or "unknown"
    if mode not in _MODES:
        yield "ModeNotSupported", f"its deployment mode is {mode}; only {' or '.join(_MODES)} has a Service to route to"
    for part in ("transformer", "explainer"):
        if live["spec"].get(part):
            yield "NotAPredictorAlone", f"it has a {part}: requests must reach the predictor by themselves"
    if not is_true(status.get("conditions"), "Ready"):
        yield "NotReady", f"InferenceService {name} is not Ready yet"
    yield from _route_problems(turn, name)


def _route_problems(turn: Turn, name: str) -> Iterator[Problem]:
    gateway = turn.spec.traffic.gateway_api if turn.spec.traffic else None
    if gateway is None or gateway.http_route_ref is None:
        return
    route = turn.snapshot.route
    if route is None or leaving(route):
        yield "RouteNotFound", f"there is no HTTPRoute {gateway.http_route_ref.name} in this namespace"
        return
    fault = not_adoptable(route, predictor_service(name), header_of(turn.spec))
    if fault:
        yield "RouteNotAdoptable", fault
