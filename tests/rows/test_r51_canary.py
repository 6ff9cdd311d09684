"""Row 51: tiers with minimum time and minimum exposures; a breach brings weight 0 and keeps its evidence."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.demo import kube, traffic, view
from tests.demo.data import Row
from tests.demo.kube import Object
from tests.demo.verify import weights
from tests.rows.service import SAYS_PHISHING, Service, await_silence, canary

STAGES = [canary(20, seconds=12, exposures=50, gates=[SAYS_PHISHING]), canary(50, seconds=3600)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r51")
    made.create(models["first"], STAGES)
    return made


def test_r51_a_bad_canary_loses_all_traffic_and_its_evidence_is_kept(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=30) as client:
        service.pin(models["skewed"])
        entry = service.ended(models["skewed"])
        reverted = service.wait(lambda _: weights(service.route()) == {stable: 1.0}, 45, "all traffic back to stable")
        await_silence(client, entry["revision"])
    tally = client.read()
    assert (entry["outcome"], entry["stage"]) == ("RolledBack", "canary-20")
    (evidence,) = (gate for gate in entry["gates"] if gate["name"] == "says-phishing")
    assert evidence["verdict"] == "Breach"
    assert evidence["samples"] > 0
    assert evidence["bound"]
    assert evidence["low"] or evidence["high"]
    assert tally.answered[entry["revision"]] > 0, "the canary never had a share to lose"
    assert tally.failed == 0, tally.failures
    assert models["skewed"] in [item["version"] for item in reverted["status"]["rejected"]]
    assert view.variant(service.read(), "candidate") == {}, "a rejected version is not tried again by itself"


def test_r51_a_good_canary_stays_for_its_time_and_its_exposures_and_each_visitor_sees_one_model(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30) as client:
        service.pin(models["better"])
        first = service.in_stage("canary-20", models["better"])
        second = service.in_stage("canary-50", models["better"])
        split = service.wait(lambda found: "split" in found["status"], 180, "the split is measured")["status"]["split"]
        # Not before: status names a tier a moment before every thread of the gateway has its route.
        assert sticky(service, rows[0]), "one visitor met two models within a tier"
    assert seconds_between(first, second) >= 12
    assert service.counted("slipway_requests_total", f'revision="{revision(second)}",traffic="live"') >= 50
    assert split["requested"].startswith("50")
    assert client.read().failed == 0


def revision(rollout: Object) -> str:
    return str(view.variant(rollout, "candidate")["revision"])


def seconds_between(first: Object, second: Object) -> float:
    """From the beginning of one stage to that of the next, as status has them."""
    begin, end = (datetime.fromisoformat(item["status"]["stage"]["since"]) for item in (first, second))
    return (end - begin).total_seconds()


def sticky(service: Service, row: Row) -> bool:
    """Ten visitors ask five times each: every one of them always gets the same revision."""
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=10)
    seen = [{traffic.ask(connection, service.target, row, f"sticky-{n}")[0] for _ in range(5)} for n in range(10)]
    connection.close()
    return all(len(revisions) == 1 for revisions in seen)


def test_r51_without_an_assignment_weights_split_requests_and_a_bad_canary_still_loses_them(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    weighted = serve("r51-weights")
    stages = [{**canary(30, seconds=12, gates=[SAYS_PHISHING]), "minSamples": 50}]
    del stages[0]["minExposures"]  # exposures are distinct entities, which nobody names here
    traffic_spec = {**weighted.manifest(models["first"], stages)["spec"]["traffic"]}
    del traffic_spec["assignment"]
    weighted.create(models["first"], stages, traffic=traffic_spec)
    stable = view.variant(weighted.read(), "stable")["revision"]
    with weighted.client(rows, rate=30) as client:
        weighted.pin(models["skewed"])
        weighted.in_stage("canary-30", models["skewed"])
        asked = kube.wait(weighted.route, lambda route: weights(route).get(stable, 1.0) < 1, 180, "the canary's weight")
        entry = weighted.ended(models["skewed"])
        kube.wait(weighted.route, lambda route: weights(route) == {stable: 1.0}, 45, "all traffic back to stable")
    assert weights(asked)[stable] == pytest.approx(0.7)
    assert (entry["outcome"], entry["stage"]) == ("RolledBack", "canary-30")
    assert [gate["verdict"] for gate in entry["gates"] if gate["name"] == "says-phishing"] == ["Breach"]
    assert client.read().failed == 0, client.read().failures
