"""Row 53: after full rollout the old model stays warm; going back is one field or one request, without a cold start."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.settings import Environment
from tests.demo.verify import weights
from tests.rows.commands import slipway
from tests.rows.service import Service, canary


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r53")
    made.create(models["first"], [canary(50, seconds=5, exposures=40)])
    return made


def test_r53_the_old_model_stays_warm_and_one_field_brings_it_back(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    old = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=30) as client:
        service.pin(models["better"])
        assert service.ended(models["better"])["outcome"] == "Promoted"
        promoted = service.wait(lambda found: service.serves(found, models["better"]), 180, "the new one serves")
        previous = view.variant(promoted, "previous")
        assert (previous["version"], previous["revision"]) == (models["first"], old)
        assert previous["readyReplicas"] >= 1
        assert previous["keepUntil"], "status must say until when it is kept"
        time.sleep(8)  # longer than scaleDownDelay, after which anything that is not kept would be gone
        warm = {pod["metadata"]["uid"] for pod in service.pods(old)}
        assert warm

        started = time.monotonic()
        service.pin(models["first"])
        service.wait(lambda _: weights(service.route()) == {old: 1.0}, 45, "all traffic on the old model")
        seconds = time.monotonic() - started
        service.wait(lambda found: service.serves(found, models["first"]), 45, "the old one is stable")
        before = client.read().answered[old]
        service.wait(lambda _: client.read().answered[old] > before, 30, "the old one answers")
    tally = client.read()
    assert {pod["metadata"]["uid"] for pod in service.pods(old)} == warm, "the way back started a pod"
    assert seconds < 15, f"the way back took {seconds:.0f} s"
    assert tally.failed == 0, tally.failures


def test_r53_one_request_brings_the_old_model_back_and_keeps_it(
    service: Service, models: dict[str, str], environment: Environment, rows: tuple[Row, ...]
) -> None:
    old = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=30) as client:
        service.pin(models["skewed"])
        assert service.ended(models["skewed"])["outcome"] == "Promoted", "no gate looks at what it says here"
        service.wait(lambda found: service.serves(found, models["skewed"]), 180, "the new one serves")
        warm = {pod["metadata"]["uid"] for pod in service.pods(old)}
        said = slipway(environment, service, "rollback", reason="complaints from Milan")
        assert weights(service.route()) == {old: 1.0}, "the command comes back once the route is changed"
        entry = service.ended(models["skewed"])
        time.sleep(8)  # the spec asks for the other one all the while
        stable = view.variant(service.read(), "stable")
    assert said.code == 0, said.text
    assert warm
    assert {pod["metadata"]["uid"] for pod in service.pods(old)} == warm, "the way back started a pod"
    assert (entry["outcome"], entry["reason"]) == ("RolledBack", "RollbackRequested")
    assert (entry["requests"][0]["action"], entry["requests"][0]["reason"]) == ("Rollback", "complaints from Milan")
    assert stable["revision"] == old, "the spec still asks for the other one, which is rejected by now"
    assert client.read().failed == 0, client.read().failures
