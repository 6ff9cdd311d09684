"""The demo says that it worked only when every fact, read back, says so."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo import verify
from tests.demo.story import Record
from tests.demo.traffic import Failure, Tally

BREACH = {"verdict": "Breach", "value": "0", "low": "0", "high": "0.2", "bound": "0.5", "samples": 90}
ROLLOUT = {
    "status": {
        "variants": [
            {"name": "stable", "version": "2", "revision": "bbb", "weight": "100%"},
            {"name": "previous", "version": "1", "revision": "aaa", "weight": "0%"},
        ],
        "history": [
            {"version": "4", "revision": "ddd", "outcome": "RolledBack", "stage": "shadow",
             "gates": [{"name": "p95", **BREACH}]},
            {"version": "3", "revision": "ccc", "outcome": "RolledBack", "stage": "canary-10",
             "gates": [{"name": "says-phishing", **BREACH}]},
            {"version": "2", "revision": "bbb", "outcome": "Promoted", "stage": "canary-50"},
        ],
    }
}  # fmt: skip
ROUTE = {"spec": {"rules": [{"backendRefs": [{"name": "phishing-bbb-predictor", "weight": 1}]}]}}
RUNS = [
    {"status": {"version": str(n), "conditions": [{"type": "CriteriaMet", "status": "True"}]}} for n in (1, 2, 3, 4)
]
RETRAINING = "the shifted inputs made the policy create one TrainingRun"
POLICY = {
    "metadata": {"name": "phishing", "uid": "p1"},
    "status": {"lastRun": {"name": "phishing-x", "causes": ["inputs"]}},
}
RETRAINED = {
    "metadata": {
        "name": "phishing-x",
        "creationTimestamp": "2027-01-15T08:00:00Z",  # 1,800,000,000 s
        "ownerReferences": [{"uid": "p1", "controller": True}],
    }
}
CONFIRMED = {
    "involvedObject": {"uid": "p1"},
    "reason": "TrainingRunOrdered",
    "message": "inputs: popup_window drifted; TrainingRun phishing-x follows",
}


def ask(promql: str) -> float | None:
    """Prometheus, with the facts of a demo that went well."""
    if "memory" in promql:
        return 120.0 * 2**20
    if 'class="1"' in promql or 'code="5xx"' in promql or 'code!="2xx"' in promql:
        return 0.0
    if "duration_seconds_sum" in promql:
        return 1.0
    return 100.0


def facts(**changes: Any) -> verify.Facts:
    tally = Tally(sent=100, answered=Counter(aaa=20, bbb=70, ccc=10))
    kept = {
        "namespace": "demo", "rollout": ROLLOUT, "route": ROUTE, "runs": RUNS,
        "policy": POLICY, "retrained": [RETRAINED], "events": [CONFIRMED], "tally": tally,
        "record": Record(versions=["1", "2", "3", "4"], shifted_at=1_800_000_000.4), "seconds": 450, "ask": ask,
    }  # fmt: skip
    return verify.Facts(**{**kept, **changes})


def failing(these: verify.Facts) -> list[str]:
    return [claim.what for claim in verify.claims(these) if not claim.holds]


def without(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    rollout = copy.deepcopy(ROLLOUT)
    change(rollout["status"])
    return rollout


def test_a_demo_that_went_well_holds_in_every_line() -> None:
    assert failing(facts()) == []
    texts = {claim.what: claim.found for claim in verify.claims(facts())}
    assert "popup_window drifted" in texts[RETRAINING]


def test_nothing_at_all_holds_in_no_line() -> None:
    empty = facts(
        rollout={}, route={}, runs=[], policy={}, retrained=[], events=[], tally=Tally(), record=Record(),
        ask=lambda _: None,
    )  # fmt: skip
    assert len(failing(empty)) == len(verify.claims(empty))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda s: s["history"][1].update(outcome="Promoted"), "the third (version 3)"),
        (lambda s: s["history"][2].update(skipped=[{"name": "shadow"}]), "the second model (version 2) was promoted"),
        (lambda s: s["history"][1].update(stage="shadow"), "the third (version 3)"),
        (lambda s: s["history"][1].update(gates=[]), "the third (version 3)"),
        (lambda s: s["history"][1]["gates"][0].update(verdict="Unknown"), "the third (version 3)"),
        (lambda s: s["history"][0]["gates"][0].update(name="errors"), "the fourth (version 4)"),
        (lambda s: s["history"].pop(2), "the second model"),
        (lambda s: s["variants"][0].update(version="1"), "the second model"),
    ],
)
def test_a_story_with_another_end_is_told(change: Callable[[dict[str, Any]], None], line: str) -> None:
    assert any(what.startswith(line) for what in failing(facts(rollout=without(change))))


def test_one_failed_request_fails_the_demo() -> None:
    tally = Tally(sent=100, answered=Counter(bbb=99), failed=1, failures=[Failure(0.0, "HTTP 503")])
    (claim,) = [claim for claim in verify.claims(facts(tally=tally)) if claim.what.startswith("no request failed")]
    assert not claim.holds
    assert "HTTP 503" in claim.found


def test_a_weight_left_behind_is_told() -> None:
    route = copy.deepcopy(ROUTE)
    route["spec"]["rules"][0]["backendRefs"].append({"name": "phishing-ccc-2-predictor", "weight": 1})
    assert "the bad models' weight is 0 again" in failing(facts(route=route))
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "phishing-ddd-predictor"}}}
    route = {"spec": {"rules": [{"filters": [mirror], **ROUTE["spec"]["rules"][0]}]}}
    assert "the bad models' weight is 0 again" in failing(facts(route=route))


def test_two_retrainings_are_one_too_many() -> None:
    assert RETRAINING in failing(facts(retrained=[RETRAINED, RETRAINED]))


@pytest.mark.parametrize(
    "other",
    [
        {"retrained": [{"metadata": {**RETRAINED["metadata"], "ownerReferences": []}}]},
        {"retrained": [{"metadata": {**RETRAINED["metadata"], "creationTimestamp": "2027-01-15T07:59:59Z"}}]},
        {"policy": {}},
        {"policy": {**POLICY, "status": {"lastRun": {"name": "phishing-x", "causes": ["calendar"]}}}},
        {"policy": {**POLICY, "status": {"lastRun": {"name": "phishing-w", "causes": ["inputs"]}}}},
        {"events": []},
        {"events": [{**CONFIRMED, "involvedObject": {"uid": "another"}}]},
        {"events": [{**CONFIRMED, "message": "inputs: is_ip drifted; TrainingRun phishing-x follows"}]},
    ],
    ids=[
        "not the policy's",
        "before the shift",
        "no policy",
        "another cause",
        "another run",
        "untold",
        "another policy",
        "feature",
    ],
)
def test_a_retraining_for_another_reason_is_told(other: dict[str, Any]) -> None:
    assert RETRAINING in failing(facts(**other))


def test_memory_beyond_the_limit_is_told() -> None:
    def hungry(promql: str) -> float | None:
        return 160.0 * 2**20 if "memory" in promql else ask(promql)

    assert failing(facts(ask=hungry)) == ["the operator keeps within 150 MiB"]


def test_a_model_that_saw_no_mirrored_request_went_through_no_shadow() -> None:
    def blind(promql: str) -> float | None:
        return 0.0 if 'traffic="shadow"' in promql else ask(promql)

    assert failing(facts(ask=blind)) == ["the second model (version 2) was promoted"]


def test_what_an_earlier_demo_left_in_prometheus_counts_for_nothing() -> None:
    asked: list[str] = []

    def note(promql: str) -> float | None:
        asked.append(promql)
        return ask(promql)

    verify.claims(facts(ask=note))
    assert asked
    assert all("[450s]" in promql for promql in asked)
