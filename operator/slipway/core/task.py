"""ModelTask: says whether the contract can be worked with, what is lost without its optional parts, and who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.modeltask import Limitation, ModelTaskSpec, ModelTaskStatus, UsedBy
from slipway.core.kstatus import as_written, inactive, ready, stalled, with_conditions
from slipway.core.plan import Plan

_MOST_USERS = 200
_LOST = {
    "id": "events cannot be told apart: neither duplicates nor late labels can be matched",
    "entity": "rows are resampled one by one, and traffic is assigned by request: correlated rows look independent",
    "timestamp": "rows cannot be split by time: how the model fares on later rows is not measured",
}


@dataclass(frozen=True)
class TaskSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `users` refer to the task."""

    generation: int
    spec: ModelTaskSpec | None
    status: ModelTaskStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    users: tuple[UsedBy, ...] = ()


def decide(snapshot: TaskSnapshot, now: datetime) -> Plan:
    """A task makes nothing; it only answers."""
    if snapshot.spec is None:
        said = stalled("SpecInvalid", snapshot.invalid)
        return Plan(status=as_written(with_conditions(snapshot.status, said, snapshot.generation, now)))
    fields = {"id": snapshot.spec.id, "entity": snapshot.spec.entity, "timestamp": snapshot.spec.timestamp}
    status = snapshot.status.model_copy(
        update={
            "inactive_fields": snapshot.inactive,
            "limitations": tuple(Limitation(field=name, message=_LOST[name]) for name in fields if not fields[name]),
            "used_by": snapshot.users[:_MOST_USERS],
        }
    )
    said = (*ready("Accepted", "runs and rollouts may refer to this task"), *inactive(snapshot.inactive))
    return Plan(status=as_written(with_conditions(status, said, snapshot.generation, now)))
