"""Conditions as kstatus reads them: derived anew at every decision, written only where they say something new."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from slipway.api.v1alpha1.conditions import Condition, ConditionedStatus

TRUE: Literal["True"] = "True"
FALSE: Literal["False"] = "False"
LONGEST_MESSAGE = 2048
NOT_YET_ACTIVE = "NotYetActive"
"""Reason for what is accepted and not acted on by this version."""

S = TypeVar("S", bound=ConditionedStatus)
# Errors of Python libraries name objects by their place in memory: a new text, hence a write, at every try.
_ADDRESS = re.compile(r" (object )?at 0x[0-9a-f]+")


@dataclass(frozen=True)
class Said:
    """What a decision says about one aspect."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def ready(reason: str, message: str) -> tuple[Said, ...]:
    """kstatus: Current. The object does what its spec asks."""
    return (
        Said("Ready", TRUE, reason, message),
        Said("Reconciling", FALSE, reason, message),
        Said("Stalled", FALSE, reason, message),
    )


def reconciling(reason: str, message: str) -> tuple[Said, ...]:
    """kstatus: InProgress. It will get on by itself."""
    return (
        Said("Ready", FALSE, reason, message),
        Said("Reconciling", TRUE, reason, message),
        Said("Stalled", FALSE, reason, message),
    )


def waiting(reason: str, message: str) -> tuple[Said, ...]:
    """A person has asked for a pause: neither at work nor ill."""
    return (
        Said("Ready", FALSE, reason, message),
        Said("Reconciling", FALSE, reason, message),
        Said("Stalled", FALSE, reason, message),
    )


def stalled(reason: str, message: str) -> tuple[Said, ...]:
    """kstatus: Failed. It will not get on until somebody acts."""
    return (
        Said("Ready", FALSE, reason, message),
        Said("Reconciling", FALSE, reason, message),
        Said("Stalled", TRUE, reason, message),
    )


def inactive(fields: Iterable[str]) -> tuple[Said, ...]:
    """Names the fields of the spec that are accepted and not acted on; nothing is said where there are none."""
    found = tuple(fields)
    if not found:
        return ()
    message = f"not, or only in part, acted on by this version: {'; '.join(found)}"
    return (Said("InactiveFields", TRUE, NOT_YET_ACTIVE, message),)


def with_conditions(status: S, said: Iterable[Said], generation: int, now: datetime) -> S:
    """The status with exactly the conditions said; the time of a transition stays where the status of one stays."""
    before = {condition.type: condition for condition in status.conditions}
    conditions = tuple(_condition(each, before.get(each.type), generation, now) for each in said)
    return status.model_copy(update={"conditions": conditions, "observed_generation": generation})


def _condition(said: Said, before: Condition | None, generation: int, now: datetime) -> Condition:
    since = before.last_transition_time if before is not None and before.status == said.status else now
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=_ADDRESS.sub("", said.message)[:LONGEST_MESSAGE],
        last_transition_time=since,
        observed_generation=generation,
    )


def as_written(status: ConditionedStatus) -> Mapping[str, Any]:
    """The status as the API server keeps it: camelCase, nothing that is only a default."""
    return status.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def is_true(conditions: Any, kind: str) -> bool:
    """Whether a list of conditions holds `kind` with status True."""
    return any(c.get("type") == kind and c.get("status") == "True" for c in conditions or ())
