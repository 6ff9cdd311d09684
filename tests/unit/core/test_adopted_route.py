"""Rules of somebody else's HTTPRoute: ours change, all others stay as they are, and what was done twice is as once."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.core.desired.adopted_route import adopted_route, not_adoptable
from slipway.core.desired.http_route import Backend, Intent

OLD, NEW = Backend("legacy", "aaaa"), Backend("fraud-bbbb", "bbbb")
OURS = frozenset({"legacy-predictor", "fraud-bbbb-predictor"})
HEADER = "x-slipway-bucket"


def ref(name: str, **more: Any) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": name, "port": 80, "weight": 1, **more}


def rule(path: str, *refs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": list(refs), **more}


REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "legacy"}}
STATIC = rule("/static", ref("files", port=8080), timeouts={"request": "1s"})
SPLIT = rule("/split", ref("files"), ref("cart"))


def route(*rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "ns", "labels": {"team": "a"}},
        "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["shop.example.com"], "rules": list(rules)},
    }


LIVE = route(
    STATIC,
    rule("/v1/models", ref("legacy-predictor"), filters=[REWRITE], timeouts={"request": "30s"}, name="scores"),
    SPLIT,
)


def rules_of(live: dict[str, Any], intent: Intent) -> list[Any]:
    found = adopted_route(live, intent, OURS)
    assert found is not None
    assert found["metadata"] == {"name": "shop", "namespace": "ns"}, "labels and owners are not ours to set"
    assert set(found["spec"]) == {"rules"}, "parents and host names stay their owner's"
    return list(found["spec"]["rules"])


def taken(live: dict[str, Any], intent: Intent) -> dict[str, Any]:
    after = copy.deepcopy(live)
    after["spec"]["rules"] = rules_of(live, intent)
    return after


INTENTS = st.builds(
    Intent,
    main=st.sampled_from([OLD, NEW]),
    number=st.integers(1, 20),
    epoch=st.integers(1, 9),
    candidate=st.sampled_from([None, NEW]),
    share=st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.5")]),
    mirror=st.sampled_from([Decimal(0), Decimal(1)]),
    header=st.just(HEADER),
)


@given(st.lists(INTENTS, min_size=1, max_size=4))
def test_what_is_not_ours_stays_and_the_last_intent_counts(intents: list[Intent]) -> None:
    live = LIVE
    for intent in intents:
        live = taken(live, intent)
    assert live["spec"]["rules"] == rules_of(live, intents[-1]), "twice is as once"
    assert live["spec"]["rules"] == rules_of(LIVE, intents[-1]), "nothing of the way is left"
    first, assigned, main, last = live["spec"]["rules"]
    assert (first, last) == (STATIC, SPLIT)
    assert main["name"] == "scores"
    assert "name" not in assigned
    assert {each["timeouts"]["request"] for each in (assigned, main)} == {"30s"}
    assert REWRITE in assigned["filters"]
    assert REWRITE in main["filters"]
    assert assigned["matches"][0]["path"] == main["matches"][0]["path"]
    assert main["backendRefs"][0]["name"] == f"{intents[-1].main.inference_service}-predictor"


def test_weights_split_within_the_rule() -> None:
    intent = Intent(OLD, 2, 1, NEW, Decimal("0.1"))
    _, ours, _ = rules_of(LIVE, intent)
    assert [(each["name"], each["weight"]) for each in ours["backendRefs"]] == [
        ("legacy-predictor", 900), ("fraud-bbbb-predictor", 100)
    ]  # fmt: skip


def test_a_mirror_of_somebody_else_stays() -> None:
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": ref("audit")}}
    live = route(rule("/", ref("legacy-predictor"), filters=[theirs]))
    mirrored = taken(live, Intent(OLD, 2, 1, NEW, mirror=Decimal(1), header=HEADER))
    assert len(mirrored["spec"]["rules"][1]["filters"]) == 2
    assert rules_of(mirrored, Intent(OLD, 2, 1, header=HEADER))[1]["filters"] == [theirs]


def test_a_route_without_a_rule_of_ours_is_left_alone() -> None:
    assert adopted_route(route(STATIC, SPLIT), Intent(OLD, 1, 1), OURS) is None


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([STATIC], "no rule of HTTPRoute shop sends requests to Service legacy-predictor"),
        ([rule("/", ref("legacy-predictor"), ref("cart"))], "splits between legacy-predictor and cart"),
        ([rule("/", ref("legacy-predictor", filters=[REWRITE]))], "has filters of its own"),
        ([rule("/", ref("legacy-predictor", port=8080))], "at port 8080"),
        ([STATIC, rule("/", ref("legacy-predictor"))], ""),
    ],
)
def test_what_cannot_be_taken_over_is_said(rules: list[dict[str, Any]], said: str) -> None:
    found = not_adoptable(route(*rules), "legacy-predictor")
    assert (said in found) if said else not found


def many(count: int, matches: int = 1, *more: dict[str, Any]) -> list[dict[str, Any]]:
    """Rules that lead to the service, and others."""
    paths = [{"path": {"type": "PathPrefix", "value": f"/{number}"}} for number in range(matches)]
    return [{"matches": paths, "backendRefs": [ref("legacy-predictor")]} for _ in range(count)] + list(more)


def named(header: str, kind: str = "Exact") -> list[dict[str, Any]]:
    headers = [{"type": kind, "name": header, "value": "beta"}]
    return [{"matches": [{"headers": headers}], "backendRefs": [ref("legacy-predictor")]}]


FULL = [{"matches": [{"headers": [{"name": f"h{n}", "value": "x"} for n in range(16)]}],
         "backendRefs": [ref("legacy-predictor")]}]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (many(8), ""),
        (many(9), "has 9 rules, and with traffic.assignment each of the 9"),
        (many(6, 1, *[STATIC] * 5), "more than the 16 that the API allows"),
        (many(5, 1, *[STATIC] * 6), ""),
        (many(2, 32), ""),
        (many(2, 33), "has 66 matches"),
        (named("X-Slipway-Bucket"), "matches the header x-slipway-bucket itself"),
        (named(HEADER, "RegularExpression"), "matches the header x-slipway-bucket itself"),
        (named("x-team"), ""),
        ([*many(1), {**named(HEADER)[0], "backendRefs": [ref("cart")]}], ""),
        (FULL, "no room for x-slipway-bucket"),
    ],
)
def test_a_route_without_room_for_assigned_entities_cannot_be_taken_over(
    rules: list[dict[str, Any]], said: str
) -> None:
    found = not_adoptable(route(*rules), "legacy-predictor", HEADER)
    assert (said in found) if said else not found
    assert not not_adoptable(route(*rules), "legacy-predictor"), "with weights nothing is added"
    if not said:
        assert len(rules_of(route(*rules), Intent(OLD, 1, 1, header=HEADER))) <= 16


def test_a_rule_without_room_for_a_mirror_cannot_be_taken_over() -> None:
    live = route({**rule("/", ref("legacy-predictor")), "filters": [REWRITE] * 16})
    assert "no room for a mirror" in not_adoptable(live, "legacy-predictor")
