"""ModelTask: says whether the contract can be worked with, what is lost without its optional parts, and who uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from slipway.api.v1alpha1.modeltask import Limitation, ModelTaskSpec, ModelTaskStatus, UsedBy
from slipway.api.v1alpha1.trainingrun import TrainingRunStatus
from slipway.core.definitions.told import InUse, definition_changed, own_changes
from slipway.core.kstatus import Said, as_written, inactive, ready, stalled, with_conditions
from slipway.core.plan import Notice, Plan
from slipway.core.training_report import DATA_CONDITIONS
from slipway.features.definitions import definitions

_MOST_USERS = 200
# What a run found out that is about the task, not about the run alone.
_OF_RUNS = ("CriteriaMet", "MLJustified", *DATA_CONDITIONS)
_LOST = {
    "id": "events cannot be told apart: neither duplicates nor late labels can be matched",
    "entity": "rows are resampled one by one, and traffic is assigned by request: correlated rows look independent",
    "timestamp": "rows cannot be split by time: how the model fares on later rows is not measured",
}


@dataclass(frozen=True)
class TaskSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `users` refer to the task.

    `evaluated` is the name and the status of the newest run of the task that has ended with a model; `used` are the
    models that its rollouts serve and try.
    """

    generation: int
    spec: ModelTaskSpec | None
    status: ModelTaskStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    users: tuple[UsedBy, ...] = ()
    evaluated: tuple[str, TrainingRunStatus] | None = None
    used: InUse = field(default_factory=InUse)


def decide(snapshot: TaskSnapshot, now: datetime) -> Plan:
    """A task makes nothing; it only answers."""
    if snapshot.spec is None:
        said = stalled("SpecInvalid", snapshot.invalid)
        return Plan(status=as_written(with_conditions(snapshot.status, said, snapshot.generation, now)))
    fields = {"id": snapshot.spec.id, "entity": snapshot.spec.entity, "timestamp": snapshot.spec.timestamp}
    present = definitions(snapshot.spec)
    own = own_changes(present, snapshot.used)
    status = snapshot.status.model_copy(
        update={
            "inactive_fields": snapshot.inactive,
            "limitations": tuple(Limitation(field=name, message=_LOST[name]) for name in fields if not fields[name]),
            "used_by": snapshot.users[:_MOST_USERS],
            "justification": _justification(snapshot),
            "changes": own,
        }
    )
    changed = definition_changed(present, snapshot.used, own)
    said = (*ready("Accepted", _accepted(fields)), *_learnt(snapshot), *changed, *inactive(snapshot.inactive))
    plan = Plan(status=as_written(with_conditions(status, said, snapshot.generation, now)))
    return replace(
        plan, notices=tuple(Notice("Warning", one.type, one.message) for one in changed if _is_news(snapshot, one))
    )


def _is_news(snapshot: TaskSnapshot, said: Said) -> bool:
    before = next((one.status for one in snapshot.status.conditions if one.type == said.type), "")
    return said.status == "True" and before != "True"


def _accepted(fields: Mapping[str, str | None]) -> str:
    lost = ", ".join(name for name, column in fields.items() if not column)
    return "runs and rollouts may refer to this task" + (
        f"; without {lost} some things are lost, see status" * bool(lost)
    )


def _learnt(snapshot: TaskSnapshot) -> tuple[Said, ...]:
    """What the newest evaluated run says about the task's claims, with its name."""
    if snapshot.evaluated is None:
        return ()
    name, status = snapshot.evaluated
    return tuple(
        Said(one.type, one.status, one.reason, f"TrainingRun {name}: {one.message}")
        for one in status.conditions
        if one.type in _OF_RUNS
    )


def _justification(snapshot: TaskSnapshot) -> str:
    """Whether the claim of why a model is needed has been borne out, for a person."""
    assert snapshot.spec is not None
    claim = snapshot.spec.justification
    found = next((one for one in _learnt(snapshot) if one.type == "JustificationUnsupported"), None)
    if found is not None:
        word = {"True": "not supported", "False": "supported"}.get(found.status, "not known")
        return f"{claim}: {word}. {found.message}"
    if claim == "Unstructured":
        names = ", ".join(feature.name for feature in snapshot.spec.features if feature.type == "Text")
        return f"Unstructured: supported by the texts {names}"
    return f"{claim}: no run of this task has shown it yet"
