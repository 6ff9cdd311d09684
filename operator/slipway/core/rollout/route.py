"""The route: what the status asks for, and what the gateway is seen to carry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Variant
from slipway.api.v1alpha1.rollout_traffic import QaHeader
from slipway.api.v1alpha1.scalars import Share
from slipway.core.agreement import route_agrees
from slipway.core.desired.adopted_route import adopted_route
from slipway.core.desired.cells import Cells
from slipway.core.desired.http_route import Backend, HoldOut, Intent, http_route
from slipway.core.desired.names import ROLLOUT_LABEL, predictor_service
from slipway.core.kstatus import is_true
from slipway.core.rollout.snapshot import Object, Snapshot, leaving, variant
from slipway.core.rollout.turn import BUILD, PROMOTE, PROVE, ROLLBACK


def fraction(text: str) -> Decimal:
    """A share as kept in status; nothing is zero."""
    return Share(text).fraction if text else Decimal(0)


def intent(status: ModelRolloutStatus, header: str, qa: QaHeader | None = None) -> Intent | None:
    """What the status asks of the route; None while there is nothing to serve."""
    asked = _split(status, header)
    if asked is not None and header:
        asked = replace(asked, hold_out=_hold_out(status, asked.main.revision))
    if asked is None or qa is None:
        return asked
    return replace(asked, qa=(qa.name.lower(), qa.value), tester=_tester(status))


def _hold_out(status: ModelRolloutStatus, revision: str) -> HoldOut | None:
    """Who is held out from the revision that serves: nobody where its pods have no rules for them."""
    known = status.holdout
    if known is None:
        return None
    able = known.cells > 0 and revision in known.able
    return HoldOut(known.rotation, Cells(known.first, known.cells) if able else None)


def _tester(status: ModelRolloutStatus) -> Backend | None:
    """The candidate, from when it is warm until it is on its way out, or serves everybody."""
    candidate, stage = variant(status, "candidate"), status.stage
    if candidate is None or stage is None or stage.withheld_since is not None or candidate.role == "Warming":
        return None
    return None if stage.type in (BUILD, PROVE, PROMOTE, ROLLBACK) else _backend(candidate)


def _split(status: ModelRolloutStatus, header: str) -> Intent | None:
    stable, candidate = variant(status, "stable"), variant(status, "candidate")
    withheld = status.stage is not None and status.stage.withheld_since is not None
    weight = fraction(candidate.weight) if candidate else Decimal(0)
    mirror = fraction(candidate.mirror) if candidate else Decimal(0)
    if candidate and weight >= 1 and (stable is None or not withheld):
        return Intent(_backend(candidate), candidate.number, status.epoch, header=header)
    if stable is None:
        return None
    if candidate is None or withheld or weight >= 1 or weight + mirror == 0:
        return Intent(_backend(stable), stable.number, status.epoch, header=header)
    return Intent(_backend(stable), candidate.number, status.epoch, _backend(candidate), weight, mirror, header)


def _backend(of: Variant) -> Backend:
    return Backend(of.inference_service, of.revision)


def header_of(spec: ModelRolloutSpec) -> str:
    """The header that assigns entities, in lower case; empty when weights split requests."""
    assignment = spec.traffic.assignment if spec.traffic else None
    return assignment.header.lower() if assignment else ""


def wanted_route(snapshot: Snapshot) -> dict[str, Any] | None:
    """The manifest that the persisted status asks for; None while there is nothing to serve, and of somebody else's
    route that has no rule for it."""
    spec = snapshot.spec
    gateway = spec.traffic.gateway_api if spec and spec.traffic else None
    asked = intent(snapshot.status, header_of(spec), spec.qa_header) if spec else None
    if asked is None or gateway is None:
        return None
    if gateway.http_route_ref is None:
        return http_route(snapshot.identity, gateway, asked)
    return adopted_route(snapshot.route, asked, _variant_services(snapshot)) if snapshot.route is not None else None


def _variant_services(snapshot: Snapshot) -> frozenset[str]:
    """Services of all variants, those included that are on their way out."""
    named = {each.inference_service for each in snapshot.status.variants}
    return frozenset(predictor_service(name) for name in named | set(snapshot.services))


def _adopts_route(snapshot: Snapshot) -> bool:
    traffic = snapshot.spec.traffic if snapshot.spec else None
    return traffic is not None and traffic.gateway_api is not None and traffic.gateway_api.http_route_ref is not None


@dataclass(frozen=True)
class RouteView:
    """The live route. `agrees`: it says what the persisted status asks; `carried`: the gateway has accepted that.
    `left`: it is ours, and names a first revision that is being given up, beside which there is no other."""

    exists: bool
    generation: int
    agrees: bool
    carried: bool
    services: frozenset[str]
    complaint: str = ""
    refused: bool = False
    left: bool = False


def view(snapshot: Snapshot) -> RouteView:
    """Looks at the live route with the persisted status in mind."""
    live, wanted = snapshot.route, wanted_route(snapshot)
    if _adopts_route(snapshot):
        return _view_of_adopted(snapshot, live, wanted)
    if live is None:
        return RouteView(False, 0, wanted is None, wanted is None, frozenset())
    generation = int(live["metadata"].get("generation", 0))
    agrees = wanted is not None and route_agrees(live, wanted)
    complaint, refused = _complaint(live, generation)
    left = wanted is None and _given_up(snapshot, live)
    return RouteView(True, generation, agrees, agrees and not complaint, _services(live), complaint, refused, left)


def _view_of_adopted(snapshot: Snapshot, live: Object | None, wanted: dict[str, Any] | None) -> RouteView:
    """Of somebody else's route: of its rules ours must be as asked for; one without them serves nobody of ours."""
    idle = variant(snapshot.status, "stable") is None
    if live is None:
        return RouteView(False, 0, idle, idle, frozenset(), "" if idle else "the adopted HTTPRoute does not exist")
    generation = int(live["metadata"].get("generation", 0))
    if wanted is None:
        lost = "" if idle else "the adopted HTTPRoute has no rule any more whose backends are variants of this rollout"
        return RouteView(True, generation, idle, idle, _services(live), lost, refused=bool(lost))
    agrees = live["spec"].get("rules") == wanted["spec"]["rules"]
    complaint, refused = _complaint(live, generation)
    return RouteView(True, generation, agrees, agrees and not complaint, _services(live), complaint, refused)


def _given_up(snapshot: Snapshot, live: Object) -> bool:
    """Never of a status that has lost its variants: what serves goes on serving then."""
    ours = (live["metadata"].get("labels") or {}).get(ROLLOUT_LABEL) == snapshot.name
    stage = snapshot.status.stage
    return ours and not leaving(live) and stage is not None and stage.type == ROLLBACK


def _complaint(live: Object, generation: int) -> tuple[str, bool]:
    """What keeps the gateway from carrying this generation, and whether that is a refusal rather than a delay; empty
    when every parent accepts and resolves it."""
    parents = (live.get("status") or {}).get("parents") or ()
    if not parents:
        return "no gateway has answered for the route yet", False
    for parent in parents:
        for kind in ("Accepted", "ResolvedRefs"):
            current = [c for c in parent.get("conditions") or () if c.get("type") == kind]
            if not current or int(current[0].get("observedGeneration", 0)) < generation:
                return f"the gateway has not yet looked at generation {generation} of the route", False
            if not is_true(current, kind):
                said = f"{current[0].get('reason', '')} {current[0].get('message', '')}".strip()
                return f"the gateway says {kind} is not True: {said}", True
    return "", False


def _services(live: Object) -> frozenset[str]:
    """Names of all Services that the route refers to, by weight or by mirror, whatever the weight."""
    found: set[str] = set()
    for rule in live["spec"].get("rules") or ():
        found |= {ref["name"] for ref in rule.get("backendRefs") or ()}
        for each in rule.get("filters") or ():
            if "requestMirror" in each:
                found.add(each["requestMirror"]["backendRef"]["name"])
    return frozenset(found)


def refers_to(route: RouteView, inference_service: str) -> bool:
    """Whether the live route still names the Service of an InferenceService."""
    return predictor_service(inference_service) in route.services
