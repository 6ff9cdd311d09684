"""A status that another version wrote: nothing is decided from half of it, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slipway.core.plan import Plan
from slipway.core.rollout.snapshot import Snapshot, Unreadable

REASON = "StatusUnreadable"
_REMEDY = "run the version of Slipway that wrote it, or mend these fields of the status; until then no traffic moves"


def tell(snapshot: Snapshot, found: Unreadable, now: datetime) -> Plan:
    """The status as it is, with conditions that say why nothing is done: what serves goes on serving."""
    said = {
        "Stalled": ("True", f"this version of Slipway cannot read {found.problem}: {_REMEDY}"),
        "Reconciling": ("False", "the status cannot be read, so nothing is acted on"),
    }
    written = found.raw.get("conditions")
    before = [each for each in written if isinstance(each, Mapping)] if isinstance(written, list | tuple) else []
    others = [each for each in before if each.get("type") not in said]
    stated = [_condition(before, kind, *words, snapshot.generation, now) for kind, words in said.items()]
    return Plan(
        status={**found.raw, "observedGeneration": snapshot.generation, "conditions": [*others, *stated]},
    )


def _condition(
    before: list[Mapping[str, Any]], kind: str, value: str, message: str, generation: int, now: datetime
) -> dict[str, Any]:
    old = next((each for each in before if each.get("type") == kind and each.get("status") == value), {})
    return {
        "type": kind,
        "status": value,
        "reason": REASON,
        "message": message[:2000],
        "lastTransitionTime": old.get("lastTransitionTime") or now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": generation,
    }
