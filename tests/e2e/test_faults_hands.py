"""Hands in the works: stable deleted, a candidate deleted while mirrored, a weight edited; clients notice nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Object, condition
from tests.e2e.watching import shape
from tests.rows.service import Service, canary, shadow

STAGES = [shadow(seconds=25), canary(20, seconds=40)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("hands")
    made.create(models["first"], STAGES)
    return made


def test_stable_deleted_by_hand_serves_until_another_has_taken_its_place(
    service: Service, rows: tuple[Row, ...]
) -> None:
    before = view.variant(service.read(), "stable")
    old, uids = before["inferenceService"], {pod["metadata"]["uid"] for pod in service.pods(before["revision"])}

    def live() -> Object:
        return {"service": service.cluster.get("InferenceService", old, service.namespace)}

    def old_pods() -> Object:
        pods = service.pods(before["revision"])
        return {"left": [pod for pod in pods if pod["metadata"]["uid"] in uids]}

    with service.client(rows, rate=30) as client:
        service.cluster.delete("InferenceService", old, service.namespace)
        moved = service.wait(
            lambda f: view.variant(f, "stable")["inferenceService"] != old, 180, "another InferenceService serves"
        )
        kube.wait(live, lambda found: found["service"] is None, 180, f"InferenceService {old} is let go")
        kube.wait(old_pods, lambda found: not found["left"], 90, "its pods end")
        whole = service.wait(lambda f: condition(f, "Reconciling")["status"] == "False", 30, "the rollout is whole")
    after = view.variant(moved, "stable")
    assert uids
    assert after["revision"] == before["revision"]
    assert after["inferenceService"].startswith(old)
    assert condition(moved, "Ready")["status"] == condition(whole, "Ready")["status"] == "True"
    assert set(client.read().answered) == {before["revision"]}
    assert client.read().failed == 0, client.read().failures


def test_a_candidate_deleted_while_mirrored_costs_no_client_anything_and_comes_back(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30) as client:
        service.pin(models["better"])
        service.in_stage("shadow", models["better"])
        seen = service.wait(lambda f: (f["status"].get("stage") or {}).get("samples", 0) > 20, 180, "mirrored requests")
        candidate = view.variant(seen, "candidate")
        service.cluster.delete("InferenceService", candidate["inferenceService"], service.namespace)
        withheld = service.wait(lambda _: not shape(service.route()).mirrored, 180, "the mirror is taken away")
        assert view.variant(withheld, "stable")["version"] == models["first"]
        service.wait(lambda _: bool(shape(service.route()).mirrored), 120, "the mirror is back")
        moved = service.in_stage("canary-20", models["better"])
    assert view.variant(moved, "candidate")["revision"] == candidate["revision"]
    assert view.variant(moved, "candidate")["inferenceService"] != candidate["inferenceService"]
    assert client.read().failed == 0, client.read().failures


def test_a_weight_edited_by_hand_is_put_back_and_stops_the_clock(
    service: Service, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30) as client:
        before = service.wait(
            lambda f: bool((f["status"].get("stage") or {}).get("runningSince")), 90, "the clock of the canary runs"
        )
        asked = shape(service.route())
        stable = view.variant(before, "stable")["revision"]
        edited = service.route()
        assigned, others = edited["spec"]["rules"]
        assigned["backendRefs"] = others["backendRefs"]  # everything to stable
        body = {"spec": {"rules": edited["spec"]["rules"]}}
        service.cluster.patch("HTTPRoute", service.name, service.namespace, body)
        stopped = service.wait(
            lambda f: f["status"]["stage"]["epoch"] > before["status"]["stage"]["epoch"], 180, "evidence restarts"
        )
        kube.wait(lambda: service.route(), lambda route: shape(route) == asked, 180, "the route is put back")
    stage = stopped["status"]["stage"]
    assert asked.share(stable) == pytest.approx(0.8, abs=0.001)
    assert stage["name"] == "canary-20"
    assert "runningSince" not in stage
    assert stage.get("accruedSeconds", 0) == 0
    assert stage.get("exposures", 0) == 0
    assert condition(stopped, "Ready")["status"] == "True"
    assert client.read().failed == 0, client.read().failures
