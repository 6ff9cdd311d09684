"""Does a live object say what we ask for? Only what we set is compared: webhooks and KServe add defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"),
    **{name: Decimal(1000) ** power for power, name in enumerate("MGTPE", 2)},
    **{f"{name}i": Decimal(1024) ** power for power, name in enumerate("KMGTPE", 1)},
}  # fmt: skip
_RULE_FIELDS = {"name", "matches", "filters", "backendRefs", "timeouts", "retry"}


def quantity(text: Any) -> Decimal | None:
    """The number behind a Kubernetes quantity (500m, 1Gi, 2), or None."""
    match = re.fullmatch(
        r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE])?)", str(text)
    )
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""])


def says(live: Any, wanted: Any, resources: bool = False) -> bool:
    """Whether `live` holds all of `wanted`: maps by key, lists element by element, quantities by their number."""
    if isinstance(wanted, Mapping):
        if not wanted:
            return live is None or isinstance(live, Mapping)
        if not isinstance(live, Mapping):
            return False
        return all(
            says(live.get(key), value, resources or key in ("limits", "requests")) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not wanted:
            return not live
        if not isinstance(live, Sequence) or isinstance(live, str) or len(live) != len(wanted):
            return False
        return all(says(mine, theirs, resources) for mine, theirs in zip(live, wanted, strict=True))
    if resources:
        return quantity(live) is not None and quantity(live) == quantity(wanted)
    return bool(live == wanted)


def _metadata_says(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Labels and annotations hold ours; our finalizer is there; owners are ours or, under Orphan, nobody of ours."""
    ours = {key: wanted.get(key, {}) for key in ("labels", "annotations")}
    if not all(says(live.get(key) or {}, value) for key, value in ours.items() if value):
        return False
    if not set(wanted.get("finalizers", ())) <= set(live.get("finalizers") or ()):
        return False
    owners, theirs = wanted.get("ownerReferences", ()), live.get("ownerReferences") or ()
    if not owners:
        return not any(owner.get("kind") == "ModelRollout" for owner in theirs)
    return all(any(says(owner, mine) for owner in theirs) for mine in owners)


def service_agrees(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a live InferenceService needs no apply."""
    return _metadata_says(live["metadata"], wanted["metadata"]) and says(live.get("spec"), wanted["spec"])


def cron_job_agrees(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a live CronJob needs no apply; a field that we no longer set shows in the hash among the annotations."""
    return service_agrees(live, wanted)


def policy_agrees(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a live NetworkPolicy allows exactly what is wanted: in its rules an absent member means everything."""
    ours, theirs = wanted["spec"], live.get("spec") or {}
    exact = all(
        (theirs.get(key) or None) == ours.get(key) for key in ("podSelector", "policyTypes", "egress", "ingress")
    )
    return _metadata_says(live["metadata"], wanted["metadata"]) and exact


def route_agrees(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a live HTTPRoute routes exactly as wanted: nothing of ours missing, no rule or filter added."""
    if not _metadata_says(live["metadata"], wanted["metadata"]) or not says(live.get("spec"), wanted["spec"]):
        return False
    if not wanted["spec"].get("hostnames") and live["spec"].get("hostnames"):
        return False
    rules = zip(live["spec"]["rules"], wanted["spec"]["rules"], strict=True)
    return all(_rule_agrees(mine, theirs) for mine, theirs in rules)


def _rule_agrees(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if not set(live) <= _RULE_FIELDS or bool(live.get("timeouts")) != bool(wanted.get("timeouts")):
        return False
    if len(live.get("filters") or ()) != len(wanted.get("filters", ())):
        return False
    matches = zip(live.get("matches") or (), wanted["matches"], strict=True)
    return all(set(mine) == set(theirs) for mine, theirs in matches)
