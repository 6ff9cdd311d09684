"""A route that changes under load: every change that a rollout makes, again and again, costs no client anything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from slipway.api.v1alpha1.rollout_traffic import GatewayAPI
from slipway.core.desired.http_route import Backend, Intent, http_route
from slipway.core.desired.names import Identity

from tests.demo import traffic, view
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.rows.service import Service, canary

CHANGES = 60


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    """A rollout that keeps two revisions ready; the route of this test stands beside its own."""
    made = serve("places")
    made.create(models["first"], [canary(20, seconds=3600)])
    made.pin(models["better"])
    made.in_stage("canary-20", models["better"])
    return made


@pytest.mark.parametrize("header", ["x-slipway-bucket", ""], ids=["assignment", "weights"])
def test_no_change_of_a_route_costs_a_request(service: Service, rows: tuple[Row, ...], header: str) -> None:
    make = Maker(service, header)
    service.cluster.apply(make.route(0, "none"))
    target = traffic.Target(service.target.address, service.target.port, make.host, service.name)
    traffic.until_served(target, rows[0], 30)
    chosen = random.Random(3)
    with traffic.Traffic(target, rows, rate=150, limit=20_000) as client:
        for epoch in range(1, CHANGES + 1):
            service.cluster.apply(make.route(epoch, chosen.choice(["none", "mirror", "canary", "half", "promoted"])))
            time.sleep(chosen.uniform(0.1, 0.6))
        seen = client.read()
    service.cluster.delete("HTTPRoute", make.name, service.namespace)
    assert len(seen.answered) == 2, "both revisions answered"
    assert seen.failed == 0, seen.failures


class Maker:
    """Makes the route of any moment of a rollout, as the operator would."""

    def __init__(self, service: Service, header: str) -> None:
        self.name = f"{service.name}-{'cells' if header else 'weights'}"
        self.host = f"{self.name}.example.com"
        status = service.read()
        stable, candidate = (view.variant(status, role) for role in ("stable", "candidate"))
        self._pair = tuple(Backend(each["inferenceService"], each["revision"]) for each in (stable, candidate))
        self._header = header
        live = service.route()
        self._gateway = GatewayAPI.model_validate({"parentRefs": live["spec"]["parentRefs"], "hostnames": [self.host]})
        self._identity = Identity(service.namespace, self.name, "", owned=False)

    def route(self, epoch: int, what: str) -> Object:
        stable, candidate = self._pair
        shares = {"canary": Decimal("0.2"), "half": Decimal("0.5")}
        intent = Intent(
            candidate if what == "promoted" else stable, 2, epoch, candidate if what in (*shares, "mirror") else None,
            shares.get(what, Decimal(0)), Decimal(what == "mirror"), self._header,
        )  # fmt: skip
        manifest: Object = http_route(self._identity, self._gateway, intent)
        del manifest["metadata"]["labels"]  # else the operator would take it for its own
        return manifest
