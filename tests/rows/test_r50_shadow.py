"""Row 50: a candidate gets mirrored requests; only stable's answers are served; mirrored requests are no exposures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.verify import mirrors, weights
from tests.rows.service import SAYS_PHISHING, Service, canary, shadow

STAGES = [shadow(seconds=15, samples=150, gates=[SAYS_PHISHING]), canary(50, seconds=3600)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r50")
    made.create(models["first"], STAGES)
    return made


def test_r50_a_wrong_model_in_shadow_answers_nobody_and_is_rolled_back(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows) as client:
        service.pin(models["skewed"])
        during = service.in_stage("shadow", models["skewed"])
        candidate = view.variant(during, "candidate")["revision"]
        entry = service.ended(models["skewed"])
    tally = client.read()
    assert (entry["outcome"], entry["stage"]) == ("RolledBack", "shadow")
    assert [gate["verdict"] for gate in entry["gates"] if gate["name"] == "says-phishing"] == ["Breach"]
    assert tally.failed == 0, tally.failures
    assert set(tally.answered) == {stable}, "an answer of the shadow reached a client"
    assert candidate not in mirrors(service.route())
    assert service.counted("slipway_requests_total", f'revision="{candidate}",traffic="live"') == 0


def test_r50_mirrored_requests_reach_the_candidate_and_are_no_exposures(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows) as client:
        service.pin(models["better"])
        service.in_stage("shadow", models["better"])
        seen = service.wait(
            lambda found: (found["status"].get("stage") or {}).get("samples", 0) >= 100, 60, "100 mirrored requests"
        )
        answered = set(client.read().answered)
        route = service.route()
        after = service.in_stage("canary-50", models["better"])
        candidate = view.variant(seen, "candidate")["revision"]
        # A stage is written down first and acted on then.
        weighted = kube.wait(
            service.route, lambda now: weights(now).get(candidate, 0) > 0, 60, "the canary's share in the route"
        )
    assert seen["status"]["stage"]["name"] == "shadow"
    assert seen["status"]["stage"]["exposures"] == 0
    assert view.variant(seen, "candidate")["weight"] in ("0%", "0", "")
    assert answered == {stable}
    assert candidate in mirrors(route)
    assert candidate not in weights(route)
    assert service.counted("slipway_requests_total", f'revision="{candidate}",traffic="shadow"') >= 100
    assert client.read().failed == 0
    assert view.variant(after, "candidate")["revision"] == candidate, "the canary is the revision that was in shadow"
    assert candidate not in mirrors(weighted), "never mirror and weight one candidate in one rule"
