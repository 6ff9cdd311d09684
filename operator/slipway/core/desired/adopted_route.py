"""The rules of an HTTPRoute that somebody else has made, with ours among them changed and all others as they were.

Ours are those whose backends are all Services of the rollout's variants. `rules` is one field to the API server (an
atomic list), so the whole list is written, fenced by the version that was read; parents and host names stay their
owner's. What a rule of ours was before is seen in it: its own matches, filters and time limits are kept, and only its
backends, a mirror, and the rule of the assigned entities before it are the operator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slipway.core.desired.http_route import (
    NOBODY,
    WEIGHTS,
    Intent,
    assigned_match,
    backend_reference,
    mirror_filter,
    sharing,
    thousandths,
)
from slipway.core.desired.names import PREDICTOR_PORT

Rule = Mapping[str, Any]
_MOST_RULES, _MOST_MATCHES, _MOST_IN_A_RULE = 16, 128, 16
"""What the API server lets a route have: rules, matches of all of them, and headers of a match or filters of a rule."""

_ANYTHING = {"path": {"type": "PathPrefix", "value": "/"}}


def adopted_route(live: Mapping[str, Any], intent: Intent, ours: frozenset[str]) -> dict[str, Any] | None:
    """The manifest of the route's rules; None when none of them is ours. `ours` are names of Services."""
    rules: list[Any] = []
    found = False
    for rule in live["spec"].get("rules") or ():
        if not is_ours(rule, ours):
            rules.append(rule)
        elif not _is_assigned(rule, intent.header):
            rules += _rules(rule, intent, ours)
            found = True
    if not found:
        return None
    name, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": live["apiVersion"], "kind": "HTTPRoute", "metadata": metadata, "spec": {"rules": rules}}


def is_ours(rule: Rule, ours: frozenset[str]) -> bool:
    """Whether all backends of a rule are variants, and there is one."""
    names = backends(rule)
    return bool(names) and names <= ours


def backends(rule: Rule) -> frozenset[str]:
    """Names of the Services that get requests by a rule; another kind of backend has its kind before its name."""
    return frozenset(
        str(each["name"]) if each.get("kind", "Service") == "Service" else f"{each['kind']}/{each['name']}"
        for each in rule.get("backendRefs") or ()
    )


def not_adoptable(live: Mapping[str, Any], service: str, header: str = "") -> str:
    """Why a route cannot be taken over for the Service that its rules send requests to; empty when it can.

    `header` assigns entities; empty where weights split requests.
    """
    name, mine = live["metadata"]["name"], frozenset({service})
    rules = [rule for rule in live["spec"].get("rules") or () if service in backends(rule)]
    if not rules:
        return f"no rule of HTTPRoute {name} sends requests to Service {service}"
    for rule in rules:
        if not is_ours(rule, mine):
            others = ", ".join(sorted(backends(rule) - mine))
            return f"a rule of HTTPRoute {name} splits between {service} and {others}: shares cannot be told apart"
        for each in rule["backendRefs"]:
            if each.get("filters"):
                return f"a backend of HTTPRoute {name} has filters of its own: move them to the rule, or they are lost"
            if each.get("port") != PREDICTOR_PORT:
                port = each.get("port")
                return f"HTTPRoute {name} reaches {service} at port {port}; variants answer at {PREDICTOR_PORT}"
        if len(rule.get("filters") or ()) >= _MOST_IN_A_RULE:
            return f"a rule of HTTPRoute {name} has {_MOST_IN_A_RULE} filters: there is no room for a mirror's"
    return _not_assignable(live, rules, header) if header else ""


def _not_assignable(live: Mapping[str, Any], ours: Sequence[Rule], header: str) -> str:
    """Why the rules of the assigned entities, one before each of ours, find no place; empty where they do."""
    name, every = live["metadata"]["name"], live["spec"]["rules"]
    for match in (match for rule in ours for match in rule.get("matches") or ()):
        headers = match.get("headers") or ()
        if any(str(each.get("name", "")).lower() == header for each in headers):
            return (
                f"a rule of HTTPRoute {name} matches the header {header} itself, which assigns entities: name another "
                "one in traffic.assignment, or take the match out"
            )
        if len(headers) >= _MOST_IN_A_RULE:
            return f"a match of HTTPRoute {name} has {_MOST_IN_A_RULE} headers: there is no room for {header}"
    for what, now, more, most in (
        ("rules", len(every), len(ours), _MOST_RULES),
        ("matches", _matches(every), _matches(ours), _MOST_MATCHES),
    ):
        if now + more > most:
            return (
                f"HTTPRoute {name} has {now} {what}, and with traffic.assignment each of the {more} that lead here is "
                f"there twice: more than the {most} that the API allows; move other rules to a route of their own"
            )
    return ""


def _matches(rules: Iterable[Rule]) -> int:
    return sum(len(rule.get("matches") or (_ANYTHING,)) for rule in rules)


def _is_assigned(rule: Rule, header: str) -> bool:
    """Whether the rule is that of the assigned entities, which stands before the rule that it was made from."""
    matches = rule.get("matches") or ()
    return bool(header) and bool(matches) and all(_names_cells(match, header) for match in matches)


def _names_cells(match: Rule, header: str) -> bool:
    return any(
        each.get("name") == header and (each.get("type") == "RegularExpression" or each.get("value") == NOBODY)
        for each in match.get("headers") or ()
    )


def _rules(rule: Rule, intent: Intent, ours: frozenset[str]) -> list[dict[str, Any]]:
    """A rule of ours by the intent; its places are those of `http_route`."""
    share, chosen = sharing(intent)
    filters = [each for each in rule.get("filters") or () if not _mirrors(each, ours)]
    mirrored = [mirror_filter(intent.candidate, intent.mirror)] if intent.candidate and intent.mirror > 0 else []
    kept = {key: value for key, value in rule.items() if key not in ("filters", "backendRefs")}
    main = {**kept, **_filtered([*filters, *mirrored]), "backendRefs": [backend_reference(intent.main, intent)]}
    if not intent.header:
        weight = thousandths(share)
        pair = ((intent.main, WEIGHTS - weight), (chosen, weight))
        return [{**main, "backendRefs": [backend_reference(each, intent, part) for each, part in pair]}]
    assigned = assigned_match(intent, share)
    matches = [{**m, "headers": [*(m.get("headers") or ()), assigned]} for m in rule.get("matches") or (_ANYTHING,)]
    unnamed = {key: value for key, value in kept.items() if key != "name"}
    first = {**unnamed, **_filtered(filters), "matches": matches, "backendRefs": [backend_reference(chosen, intent)]}
    return [first, main]


def _filtered(filters: list[Any]) -> dict[str, Any]:
    return {"filters": filters} if filters else {}


def _mirrors(each: Rule, ours: frozenset[str]) -> bool:
    target = (each.get("requestMirror") or {}).get("backendRef") or {}
    return each.get("type") == "RequestMirror" and target.get("name") in ours
