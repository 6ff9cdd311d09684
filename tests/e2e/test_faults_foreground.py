"""A candidate deleted with `kubectl delete --cascade=foreground`: its pods go with it, and nobody can keep them.

What can be promised: the route leaves it by itself, and from then on no client fails, also when it comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.demo.traffic import Traffic
from tests.e2e.watching import Shape, shape
from tests.rows.service import Service, canary, shadow

STAGES = [shadow(seconds=15), canary(50, seconds=3600)]
SETTLED = 3.0 + 5.0
"""Seconds after which the gateway carries a route and has answered what came before: its lag, and timeouts.request."""


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("foreground")
    made.create(models["first"], STAGES)
    return made


@pytest.fixture(scope="module")
def client(service: Service, rows: tuple[Row, ...]) -> Iterator[Traffic]:
    with service.client(rows, rate=30) as sending:
        yield sending


@pytest.mark.parametrize("stage", ["shadow", "canary-50"])
def test_once_the_route_has_left_a_candidate_no_client_fails(
    service: Service, models: dict[str, str], client: Traffic, stage: str
) -> None:
    if stage == "shadow":
        service.pin(models["better"])
    reached = service.in_stage(stage, models["better"])
    candidate = view.variant(reached, "candidate")
    revision, old = candidate["revision"], candidate["inferenceService"]
    service.wait(lambda _: gets(shape(service.route()), revision), 180, "the candidate gets requests")
    service.cluster.delete("InferenceService", old, service.namespace, cascade="Foreground")
    service.wait(lambda _: not gets(shape(service.route()), revision), 120, "the route leaves the candidate")
    left, sent = time.time(), client.read().sent
    back = service.wait(lambda found: returned(service, found, old), 180, "the candidate is back")
    time.sleep(SETTLED)
    seen = client.read()
    late = [failure for failure in seen.failures if failure.at > left + SETTLED]
    assert view.variant(back, "candidate")["revision"] == revision
    assert seen.sent - sent > 100, "requests came all the time"
    assert len(seen.failures) == seen.failed, "each failure is known with its time"
    assert late == []


def gets(seen: Shape, revision: str) -> bool:
    return revision in seen.mirrored or seen.share(revision) > 0


def returned(service: Service, rollout: Object, old: str) -> bool:
    """Whether the candidate gets requests again, in the place of the one that was deleted."""
    candidate = view.variant(rollout, "candidate")
    gone = candidate.get("inferenceService") != old
    return gone and gets(shape(service.route()), candidate.get("revision", ""))
