"""The decision about a RetrainPolicy.

A run is written down before it is made: a newest run with outcome Requested is the order, and everything after it
follows from the status and from what exists. Killed anywhere, the next decision makes the same run, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slipway.api.v1alpha1.retrain_performance import Performance
from slipway.api.v1alpha1.retrain_status import Frozen, RetrainPolicyStatus, TriggerState
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.desired.retrained_run import retrained_run
from slipway.core.drift import Look
from slipway.core.drift_report import features_to_show
from slipway.core.kstatus import as_written, stalled, with_conditions
from slipway.core.metric_trigger import MetricLook, timed
from slipway.core.plan import Action, Create, Notice, Plan
from slipway.core.retrain.calendar import Times, times
from slipway.core.retrain.conditions import conditions
from slipway.core.retrain.continuing import grown_versions
from slipway.core.retrain.course import Course, course
from slipway.core.retrain.freeze import counted_since, flips, oscillation
from slipway.core.retrain.measuring import measurement_jobs, measuring
from slipway.core.retrain.requests import attended
from slipway.core.retrain.runs import budget_at, cooled_down_at, is_requested, outdated
from slipway.core.retrain.snapshot import RetrainSnapshot, Seen
from slipway.core.retrain.turns import followed

_WARNINGS = ("Frozen", "DataQualityHold")


def decide(snapshot: RetrainSnapshot, now: datetime) -> Plan:
    """What to do about a policy, and what to say of it."""
    spec = snapshot.spec
    if spec is None:
        said = stalled("SpecInvalid", snapshot.invalid)
        return Plan(status=as_written(with_conditions(snapshot.status, said, snapshot.generation, now)))
    labels = measuring(snapshot, spec, now)
    looks = (*_timed(snapshot, now), *labels.looks)
    broken = tuple(look.damage for look in labels.looks if look.damage)
    actions: tuple[Action, ...] = (
        *_order(snapshot), *outdated(snapshot, spec), *measurement_jobs(snapshot, spec)
    )  # fmt: skip
    snapshot = replace(snapshot, looks=looks, damage=_damage(snapshot), label_damage=broken)
    clock = times(spec.schedule, snapshot.status.calendar, snapshot.created, now)
    status, asked = attended(snapshot, _observed(snapshot, spec, now), now)
    found = course(snapshot, spec, status, clock, now)
    status, entered = _entered(snapshot.status, found, now)
    update = {"next": clock.next, "inactive_fields": snapshot.inactive, "performance": labels.known}
    status = status.model_copy(update=update)
    said = conditions(snapshot, spec, status, now)
    ordered = is_requested(status.last_run) and not is_requested(snapshot.status.last_run)
    return Plan(
        actions,
        as_written(with_conditions(status, said, snapshot.generation, now)),
        (*asked, *found.notices, *entered),
        0.0 if ordered or asked or _begun(snapshot, labels.known) else _wake(snapshot, status, clock, labels.wake, now),
    )


def _timed(snapshot: RetrainSnapshot, now: datetime) -> tuple[Seen, ...]:
    """The looks, those on metrics with the instant since which they have held."""
    before = snapshot.status.triggers
    return tuple(timed(each, before, now) if isinstance(each, MetricLook) else each for each in snapshot.looks)


def _damage(snapshot: RetrainSnapshot) -> tuple[str, ...]:
    """What is wrong with the features. What was broken is not whole because nobody can look at it."""
    blind = any(isinstance(each, Look) and each.problem is not None for each in snapshot.looks)
    if snapshot.damage or not blind:
        return snapshot.damage
    return tuple(each.message for each in snapshot.status.conditions if each.type == "DataQuality")


def _order(snapshot: RetrainSnapshot) -> tuple[Create, ...]:
    """The run that the persisted status asks for, while it is not there."""
    last = snapshot.status.last_run
    if last is None or not is_requested(last) or snapshot.run(last.name) is not None:
        return ()
    return (Create(retrained_run(snapshot.policy, last.name, last.causes, last.budget == "Triggered", last.base)),)


def _observed(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, now: datetime) -> RetrainPolicyStatus:
    """The status with all that is seen now, before anything is decided."""
    status = followed(snapshot, now)
    history = snapshot.served.history if snapshot.served is not None else ()
    held = [each for each in snapshot.looks if isinstance(each, MetricLook) and each.since is not None]
    update = {
        "triggers": tuple(TriggerState(name=each.trigger, since=each.since) for each in held),
        "features": features_to_show(status.features, snapshot.looks, spec),
        "causes": tuple(look.trigger for look in snapshot.looks if look.confirmed),
        "cooldown_until": cooled_down_at(snapshot, status, spec, now),
        "budget": budget_at(status.budget, spec, now) if status.budget is not None else None,
        "flips": flips(history, counted_since(status, now), grown_versions(status)),
    }
    status = status.model_copy(update=update)
    frozen: Frozen | None = status.frozen or oscillation(status, history, now)
    return status.model_copy(update={"frozen": frozen})


def _entered(
    before: RetrainPolicyStatus, found: Course, now: datetime
) -> tuple[RetrainPolicyStatus, tuple[Notice, ...]]:
    """The status in its new state, and an Event where that is another one."""
    status = found.status.model_copy(update={"state": found.state, "message": found.message})
    if found.state == before.state:
        return status, ()
    notice = Notice("Warning" if found.state in _WARNINGS else "Normal", found.state or "Unknown", found.message)
    return status.model_copy(update={"since": now}), (notice,)


def _begun(snapshot: RetrainSnapshot, known: Sequence[Performance]) -> bool:
    """Whether a measurement was written down just now, whose Job is to be made."""
    before = {each.name: each.run for each in snapshot.status.performance}
    return any(each.running and each.run != before.get(each.name) for each in known)


def _wake(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, clock: Times, labels: float | None, now: datetime
) -> float:
    """At the next slot, which all policies with the same window share; at the end of the cooldown; by the calendar;
    when matured labels are due."""
    rest: float = snapshot.slot - now.timestamp() % snapshot.slot
    instants = (each for each in (status.cooldown_until, clock.next) if each is not None and each > now)
    due = () if labels is None else (max(1.0, labels),)
    waits: list[float] = [rest, *due, *((each - now) / timedelta(seconds=1) for each in instants)]
    return min(waits)
