"""The HTTPRoute in front of the variants. Defaults of the API server are written out, so that equality means equality.

A filter stands on every backendRef: it tells pod and client which revision was chosen, and without one on each Envoy
would put all variants into one cluster, where failing pods shed their share (traffic.md 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from slipway.api.v1alpha1.rollout_traffic import GatewayAPI, ParentReference
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.desired.cells import Cells, cells_of, pattern
from slipway.core.desired.names import (
    ASSIGNMENT_HEADER,
    HOLDOUT_HEADER,
    PREDICTOR_PORT,
    REVISION_HEADER,
    Identity,
    predictor_service,
)

WEIGHTS = 1000
"""Weights of a split without assignment are thousandths."""

NOBODY = "nobody"
"""A value of the assignment header that is no digest; who sends it gets `main`, like everybody without a candidate."""


@dataclass(frozen=True)
class Backend:
    """One variant as the route sees it."""

    inference_service: str
    revision: str


@dataclass(frozen=True)
class HoldOut:
    """Who is held out: the cells of a rotation. Without cells nobody is, and the rule keeps its place."""

    rotation: int
    cells: Cells | None = None


@dataclass(frozen=True)
class Intent:
    """What the route is to do: `main` serves; the candidate gets `share` of the traffic, or copies of `mirror` of it.

    `number` assigns entities (revision number), `epoch` marks the evidence; `header` is empty for weights. `tester` is
    who gets the requests with the header `qa` (name and value); without one `main` does. `hold_out` is None for a
    rollout that has never held out.
    """

    main: Backend
    number: int
    epoch: int
    candidate: Backend | None = None
    share: Decimal = Decimal(0)
    mirror: Decimal = Decimal(0)
    header: str = ""
    qa: tuple[str, str] | None = None
    tester: Backend | None = None
    hold_out: HoldOut | None = None

    @property
    def expected_share(self) -> Decimal:
        """The share that the candidate really gets: whole cells, or whole thousandths."""
        if self.candidate is None or self.share <= 0:
            return Decimal(0)
        return Decimal(cells_of(self.share)) / 4096 if self.header else Decimal(thousandths(self.share)) / WEIGHTS


def http_route(identity: Identity, gateway: GatewayAPI, intent: Intent) -> dict[str, Any]:
    """The manifest."""
    spec: dict[str, Any] = {
        "parentRefs": [_parent(parent) for parent in gateway.parent_refs],
        "rules": [{**rule, **_timeouts(gateway)} for rule in _rules(intent)],
    }
    if gateway.hostnames:
        spec["hostnames"] = list(gateway.hostnames)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": identity.metadata(identity.name, {}),
        "spec": spec,
    }


def _parent(parent: ParentReference) -> dict[str, Any]:
    optional = {"namespace": parent.namespace, "sectionName": parent.section_name, "port": parent.port}
    present = {key: value for key, value in optional.items() if value is not None}
    return {"group": parent.group, "kind": parent.kind, "name": parent.name, **present}


def _timeouts(gateway: GatewayAPI) -> dict[str, Any]:
    limits = {"request": gateway.timeouts.request, "backendRequest": gateway.timeouts.backend_request}
    given = {key: _gateway_duration(value) for key, value in limits.items() if value is not None}
    return {"timeouts": given} if given else {}


def _gateway_duration(duration: Duration) -> str:
    """GEP-2257 knows h, m, s and ms, five digits each."""
    seconds, rest = divmod(duration.milliseconds, 1000)
    hours, seconds = divmod(seconds, 3600)
    parts = ((hours, "h"), (seconds, "s"), (rest, "ms"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _rules(intent: Intent) -> list[dict[str, Any]]:
    """Places are kept whatever the intent: those of a candidate that gets no share name `main` too.

    Envoy Gateway names an Envoy cluster by the place of its backendRef, and takes a cluster away a moment before the
    rule that sends requests to it: a place that vanishes costs the requests of that moment (docs/decisions/0005). That
    of testers is the last one, so that a spec which leaves it out costs nobody else's; that of the hold-out stays once
    it was there.
    """
    qa = [_testers(intent, *intent.qa)] if intent.qa is not None else []
    share, chosen = sharing(intent)
    candidate, mirror = intent.candidate, intent.mirror
    filters = [mirror_filter(candidate, mirror)] if candidate is not None and mirror > 0 else None
    if intent.header:
        main, first = backend_reference(intent.main, intent), backend_reference(chosen, intent)
        assigned = _rule([first], headers=[assigned_match(intent, share)])
        return [assigned, _rule([main], filters=filters), *_held_out(intent), *qa]
    weight = thousandths(share)
    both = [backend_reference(intent.main, intent, WEIGHTS - weight), backend_reference(chosen, intent, weight)]
    return [_rule(both, filters=filters), *qa]


def _held_out(intent: Intent) -> list[dict[str, Any]]:
    """The rule of entities that are held out, of whom the rule of the assigned ones matches none: `main` is told of it,
    and nothing of them is mirrored."""
    if intent.hold_out is None:
        return []
    match = {"type": "Exact", "name": intent.header, "value": NOBODY}
    if intent.hold_out.cells is not None:
        match = {"type": "RegularExpression", "name": intent.header, "value": intent.hold_out.cells.pattern}
    told = {"name": HOLDOUT_HEADER, "value": str(intent.hold_out.rotation)}
    return [_rule([backend_reference(intent.main, intent, told=told)], headers=[match])]


def _testers(intent: Intent, name: str, value: str) -> dict[str, Any]:
    """The rule of testers. The gateway prefers the match with more headers, whatever the order of rules: so it has a
    match of its own for a tester who carries an entity's digest as well."""
    asked = {"type": "Exact", "name": name, "value": value}
    backend = backend_reference(intent.main, intent) if intent.tester is None else _untold(intent.tester)
    rule = _rule([backend], headers=[asked])
    if intent.header:
        anybody = {"type": "RegularExpression", "name": intent.header, "value": ".*"}
        rule["matches"].append({**rule["matches"][0], "headers": [asked, anybody]})
    return rule


def _untold(backend: Backend) -> dict[str, Any]:
    """Without the headers of the route, a pod counts a request as neither live nor a copy. Taken away, not left out:
    a client may have sent them."""
    modifier = {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"remove": [REVISION_HEADER, ASSIGNMENT_HEADER, HOLDOUT_HEADER]},
    }
    return {**_reference(backend), "weight": 1, "filters": [modifier]}


def sharing(intent: Intent) -> tuple[Decimal, Backend]:
    """The candidate's share of the answers, and who stands in its place: `main` while it has none."""
    share = intent.share if intent.candidate is not None and intent.mirror <= 0 else Decimal(0)
    return share, intent.candidate if intent.candidate is not None and share > 0 else intent.main


def assigned_match(intent: Intent, share: Decimal) -> dict[str, str]:
    """The match of the entities that get the candidate; of a value that no digest has while there is none."""
    if share <= 0:
        return {"type": "Exact", "name": intent.header, "value": NOBODY}
    held = intent.hold_out.cells if intent.hold_out is not None else None
    value = pattern(intent.number, cells_of(share), held)
    return {"type": "RegularExpression", "name": intent.header, "value": value}


def thousandths(share: Decimal) -> int:
    """The weight of a share; never nothing, and never all, so that both places stay in the gateway."""
    return min(WEIGHTS - 1, max(1, round(share * WEIGHTS)))


def _rule(
    backends: list[dict[str, Any]],
    headers: list[dict[str, Any]] | None = None,
    filters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    match: dict[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}
    if headers:
        match["headers"] = headers
    rule: dict[str, Any] = {"matches": [match], "backendRefs": backends}
    if filters:
        rule["filters"] = filters
    return rule


def _reference(backend: Backend) -> dict[str, Any]:
    name = predictor_service(backend.inference_service)
    return {"group": "", "kind": "Service", "name": name, "port": PREDICTOR_PORT}


def backend_reference(
    backend: Backend, intent: Intent, weight: int = 1, told: dict[str, str] | None = None
) -> dict[str, Any]:
    """One place of a rule: the variant, and the headers that tell it and the client what was chosen. `told` is one that
    says that the entity is held out; without it what a client says of that is taken away."""
    headers = [
        {"name": REVISION_HEADER, "value": backend.revision},
        {"name": ASSIGNMENT_HEADER, "value": f"{intent.number}.{intent.epoch}"},
    ]
    changes: dict[str, Any] = {"set": [*headers, told]} if told else {"set": headers, "remove": [HOLDOUT_HEADER]}
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": changes}
    return {**_reference(backend), "weight": weight, "filters": [modifier]}


def mirror_filter(candidate: Backend, share: Decimal) -> dict[str, Any]:
    """Copies of a share of the requests, whose answers nobody sees."""
    mirror: dict[str, Any] = {"backendRef": _reference(candidate)}
    percent = share * 100
    if percent == int(percent):
        mirror["percent"] = int(percent)
    else:
        mirror["fraction"] = {"numerator": int(share * 1_000_000), "denominator": 1_000_000}
    return {"type": "RequestMirror", "requestMirror": mirror}
