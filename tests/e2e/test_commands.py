"""RolloutRequests on a whole cluster, by the command: held, signed off, aborted in canary, tried again, promoted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import condition
from tests.demo.settings import Environment
from tests.demo.traffic import Traffic
from tests.demo.verify import weights
from tests.e2e.operator_pod import kill
from tests.e2e.watching import RouteWatch
from tests.rows.commands import slipway
from tests.rows.service import Service, await_silence, canary

pytestmark = pytest.mark.timeout(1200)
# Whoever has a kubeconfig is in this group, on every cluster.
SIGN_OFF = {"name": "sign-off", "type": "Approval", "approval": {"groups": ["system:authenticated"]}}
STAGES = [canary(20, seconds=20, exposures=40), SIGN_OFF, canary(50, seconds=3600)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("commands")
    made.create(models["first"], STAGES)
    return made


@pytest.fixture(scope="module")
def client(service: Service, rows: tuple[Row, ...]) -> Iterator[Traffic]:
    """Requests all the while; none may fail."""
    with service.client(rows, rate=30, limit=60_000) as sending:
        yield sending
    assert sending.read().failed == 0, sending.read().failures


def test_hold_keeps_a_canary_where_it_is_and_resume_lets_it_go(
    service: Service, models: dict[str, str], environment: Environment, client: Traffic
) -> None:
    service.pin(models["better"])
    service.in_stage("canary-20", models["better"])
    held = slipway(environment, service, "hold", reason="wait for the meeting")
    time.sleep(45)  # twice what the stage asks for
    waiting = service.read()
    again = slipway(environment, service, "hold", reason="me too")
    advance = slipway(environment, service, "advance")
    resumed = slipway(environment, service, "resume", reason="the meeting is over")
    service.in_stage("sign-off", models["better"], 60)
    assert (held.code, resumed.code) == (0, 0), held.text + resumed.text
    assert waiting["status"]["stage"]["name"] == "canary-20"
    assert waiting["status"]["phase"] == "Paused"
    assert "wait for the meeting" in condition(waiting, "AdvanceAllowed")["message"]
    assert (again.code, "AlreadyHeld" in again.text) == (1, True), again.text
    assert (advance.code, "Held" in advance.text) == (1, True), advance.text


def test_a_sign_off_keeps_its_traffic_until_a_member_approves(
    service: Service, models: dict[str, str], environment: Environment, client: Traffic
) -> None:
    candidate = view.variant(service.read(), "candidate")
    with RouteWatch(service) as watch:
        before = client.read().answered[candidate["revision"]]
        time.sleep(10)  # it stays where it is
        waiting, after = service.read(), client.read().answered[candidate["revision"]]
        refused = slipway(environment, service, "approve", "--group", "nobody-of-us")
    assert waiting["status"]["phase"] == "AwaitingApproval"
    assert condition(waiting, "Ready")["status"] == "True"
    assert condition(waiting, "Stalled")["status"] == "False"
    assert watch.path(candidate["revision"]) == ["20%"]
    assert after > before, "it serves its share while people think"
    assert refused.code == 3, "the API server knows who is in which group"
    approved = slipway(environment, service, "approve", reason="audit 17")
    service.in_stage("canary-50", models["better"], 60)
    assert approved.code == 0, approved.text


def test_abort_in_canary_brings_weight_0_survives_a_kill_and_is_not_tried_again(
    service: Service, models: dict[str, str], environment: Environment, client: Traffic
) -> None:
    status = service.read()["status"]
    stable, candidate = (view.variant({"status": status}, name)["revision"] for name in ("stable", "candidate"))
    asked = slipway(environment, service, "abort", "--no-wait", reason="complaints from Milan")
    kill(service.cluster)
    entry = service.ended(models["better"])
    assert asked.code == 0, asked.text
    assert weights(service.route()) == {stable: 1.0}
    await_silence(client, candidate)
    assert (entry["outcome"], entry["stage"], entry["reason"]) == ("Aborted", "canary-50", "AbortRequested")
    assert [each["action"] for each in entry["requests"]] == ["Abort", "Approve", "Resume", "Hold"]
    assert entry["gates"], "the evidence is kept"
    left = service.read()
    assert "target" not in left["status"]
    assert condition(left, "Progressing")["reason"] == "Rejected"
    (request,) = (
        each for each in service.cluster.list("RolloutRequest", service.namespace)
        if each["metadata"]["name"].startswith("commands-abort-")
    )  # fmt: skip
    assert request["status"]["phase"] == "Applied"


def test_retry_brings_it_back_and_promote_takes_it_to_everybody_past_the_sign_off(
    service: Service, models: dict[str, str], environment: Environment, client: Traffic
) -> None:
    retried = slipway(environment, service, "retry", reason="Milan was mistaken")
    service.in_stage("canary-20", models["better"])
    promoted = slipway(environment, service, "promote", reason="the first one is broken")
    service.in_stage("sign-off", models["better"], 60)
    approved = slipway(environment, service, "approve", reason="audit 18")
    entry = service.wait(
        lambda found: view.history(found, models["better"])[0]["outcome"] == "Promoted", 120, "it serves everybody"
    )["status"]["history"][0]
    assert (retried.code, promoted.code, approved.code) == (0, 0, 0), retried.text + promoted.text + approved.text
    assert [each["name"] for each in entry["skipped"]] == ["canary-20", "canary-50"]
    assert {each["action"] for each in entry["requests"]} == {"Promote", "Approve"}
