"""The header of testers: it reaches the candidate at any weight, is no evidence, and ends with the candidate."""

from __future__ import annotations

import copy
import re
from decimal import Decimal
from typing import Any

import pytest
from slipway.core.desired.http_route import Backend, Intent, http_route
from slipway_serving.service.assignment import DIRECT, read_origin

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, in_stage, pin, serves, service, serving
from tests.unit.core.test_desired import GATEWAY, ME

STABLE, CANDIDATE = Backend("fraud-aaaa", "aaaa"), Backend("fraud-bbbb", "bbbb")
QA = {"name": "x-qa", "value": "yes"}
BUCKET = "0" * 64
APPROVAL = {"name": "sign", "type": "Approval", "approval": {"groups": ["risk"]}}


def route(**fields: Any) -> dict[str, Any]:
    asked = {"main": STABLE, "number": 7, "epoch": 3, "header": "x-slipway-bucket", "qa": ("x-qa", "yes"), **fields}
    return dict(http_route(ME, GATEWAY, Intent(**asked))["spec"])


def sent_to(spec: dict[str, Any], **headers: str) -> tuple[str, dict[str, str]]:
    """Where a gateway sends a request, and with which headers: of all matches that hold, the one with most headers,
    and of equal ones the first (Gateway API, HTTPRouteRule)."""
    matched = [
        (-len(match.get("headers", ())), place, rule["backendRefs"])
        for place, rule in enumerate(spec["rules"])
        for match in rule["matches"]
        if all(_holds(each, headers) for each in match.get("headers", ()))
    ]
    ref = min(matched, key=lambda each: each[:2])[2][0]
    change = ref["filters"][0]["requestHeaderModifier"]
    kept = {name: value for name, value in headers.items() if name not in change.get("remove", ())}
    return ref["name"].removesuffix("-predictor"), kept | {
        each["name"]: each["value"] for each in change.get("set", ())
    }


def _holds(match: dict[str, str], headers: dict[str, str]) -> bool:
    value = headers.get(match["name"])
    if value is None:
        return False
    return value == match["value"] if match["type"] == "Exact" else bool(re.fullmatch(match["value"], value))


@pytest.mark.parametrize("rules_turned", [False, True])
@pytest.mark.parametrize("bucket", [{}, {"x-slipway-bucket": BUCKET}, {"x-slipway-bucket": "f" * 64}])
@pytest.mark.parametrize("share", ["0", "0.5"])
def test_testers_reach_the_candidate_whatever_else_they_carry_and_count_as_nothing(
    share: str, bucket: dict[str, str], rules_turned: bool
) -> None:
    spec = route(candidate=CANDIDATE if share != "0" else None, share=Decimal(share), tester=CANDIDATE)
    spec["rules"] = spec["rules"][::-1] if rules_turned else spec["rules"]
    forged = {"x-slipway-revision": "bbbb", "x-slipway-assignment": "7.3"}
    name, headers = sent_to(spec, **{"x-qa": "yes"}, **bucket, **forged)
    assert name == "fraud-bbbb"
    origin = read_origin(headers, "bbbb", "x-slipway-bucket")
    assert (origin.traffic, origin.epoch, origin.assigned) == (DIRECT, None, False)
    other, headers = sent_to(spec, **{"x-qa": "no"}, **bucket)
    assert headers["x-slipway-assignment"] == "7.3"
    assert other == ("fraud-bbbb" if share != "0" and bucket == {"x-slipway-bucket": BUCKET} else "fraud-aaaa")


def test_testers_without_a_candidate_are_everybody_and_their_place_stays() -> None:
    name, headers = sent_to(route(), **{"x-qa": "yes"})
    assert (name, headers["x-slipway-revision"]) == ("fraud-aaaa", "aaaa")
    with_one = route(tester=CANDIDATE)
    assert [len(rule["backendRefs"]) for rule in with_one["rules"]] == [len(r["backendRefs"]) for r in route()["rules"]]
    assert route(qa=None)["rules"] == route()["rules"][:-1], "a spec without the header takes the last place away alone"


def test_weights_have_testers_too() -> None:
    spec = route(header="", candidate=CANDIDATE, share=Decimal("0.05"), tester=CANDIDATE)
    assert sent_to(spec, **{"x-qa": "yes"})[0] == "fraud-bbbb"
    assert len(spec["rules"][1]["matches"]) == 1


def reached(sim: Simulation) -> str:
    """The InferenceService that testers reach now."""
    spec = copy.deepcopy(sim.objects[ROUTE]["spec"])
    return sent_to(spec, **{"x-qa": "yes"})[0]


def reaches(sim: Simulation, name: str) -> bool:
    return reached(sim) == sim.variants()[name]["inferenceService"]


@pytest.mark.long
def test_every_stage_has_testers_and_the_end_has_none() -> None:
    sim = pin(serving(qaHeader=QA), "2")
    for stage in ("shadow", "canary-10", "canary-50"):
        sim.run(200, in_stage(stage)).run(3)
        assert reaches(sim, "candidate"), stage
    sim.run(200, serves("2")).run(3)
    assert reaches(sim, "stable")
    assert sim.client_errors == []


@pytest.mark.long
def test_a_candidate_that_went_back_has_no_testers_any_more() -> None:
    sim = pin(serving(FAILING, qaHeader=QA), "2").run(
        300, lambda s: s.status.get("stage", {}).get("type") == "Rollback"
    )
    sim.run(3)
    assert reaches(sim, "stable")


@pytest.mark.long
def test_before_the_first_stage_a_warm_candidate_that_waits_has_testers() -> None:
    sim = pin(serving(qaHeader=QA), "2").run(100, lambda s: "candidate" in s.variants())
    assert reaches(sim, "stable"), "it is not ready yet, and its Service may not exist"
    sim.edit(KEY, lambda spec: spec.update(paused=True))
    sim.run(60, lambda s: reaches(s, "candidate"))
    assert sim.status["stage"]["type"] == "Start"
    assert sim.variants()["candidate"]["weight"] == "0%"
    sim.edit(KEY, lambda spec: spec.update(paused=False))
    sim.run(400, serves("2"))
    assert sim.client_errors == []


def test_an_approval_at_weight_nothing_has_testers() -> None:
    stages = [APPROVAL, *serving().objects[KEY]["spec"]["stages"]]
    sim = pin(serving(qaHeader=QA, stages=stages), "2").run(100, in_stage("sign")).run(3)
    assert reaches(sim, "candidate")


@pytest.mark.long
def test_a_candidate_that_somebody_deletes_loses_its_testers_before_its_service_goes() -> None:
    stages = [APPROVAL, *serving().objects[KEY]["spec"]["stages"]]
    sim = pin(serving(qaHeader=QA, stages=stages), "2").run(100, in_stage("sign")).run(3)
    first = sim.variants()["candidate"]["inferenceService"]
    sim.delete(service(sim, "candidate"))
    for _ in range(60):
        sim.run(1)
        conditions = sim.objects[ROUTE].get("status", {}).get("parents", [{}])[0].get("conditions", [])
        assert all(each["status"] == "True" for each in conditions), "the route names no Service that is gone"
    assert sim.variants()["candidate"]["inferenceService"] != first
    assert reaches(sim, "candidate")


@pytest.mark.long
def test_without_the_header_nothing_of_the_route_changes() -> None:
    sim = pin(serving(), "2").run(200, in_stage("canary-10"))
    assert len(sim.objects[ROUTE]["spec"]["rules"]) == 2
