"""The state machine: the state that follows, and what is ordered in it.

    Healthy -> Suspected -> Confirmed -> Retraining -> Gate -> Rollout -> Cooldown -> Healthy
    from anywhere, once nothing is under way: Frozen, DataQualityHold

States are derived from what exists and from what was ordered, so a state that nobody saw is no state that was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus, RunSummary
from slipway.api.v1alpha1.retrainpolicy import BY_CALENDAR, RetrainPolicySpec
from slipway.core.plan import Notice
from slipway.core.retrain.calendar import Times, passed
from slipway.core.retrain.continuing import base_of_next
from slipway.core.retrain.freeze import futility
from slipway.core.retrain.runs import Purse, charged, cooldown, intended, is_requested, refusal
from slipway.core.retrain.snapshot import RetrainSnapshot, evidence, in_flight
from slipway.core.retrain.turns import begun, joined

HEALTHY, SUSPECTED, CONFIRMED = "Healthy", "Suspected", "Confirmed"
RETRAINING, GATE, ROLLOUT = "Retraining", "Gate", "Rollout"
COOLDOWN, FROZEN, DATA_QUALITY_HOLD = "Cooldown", "Frozen", "DataQualityHold"
_NOBODY = "nobody decided about the policy in time: the operator was away, or the clock jumped"


@dataclass(frozen=True)
class Course:
    """Where a policy goes: its state and why, the status with what was ordered, and what to tell."""

    state: str
    message: str
    status: RetrainPolicyStatus
    notices: tuple[Notice, ...] = ()


def course(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, clock: Times, now: datetime
) -> Course:
    """What follows from the status as observed, and from the calendar."""
    status = status.model_copy(update={"calendar": clock.calendar})
    last = status.last_run
    if is_requested(last) or (last is not None and _flies(snapshot, last)):
        return _training(status, clock, snapshot)
    found, status, told = _by_calendar(snapshot, spec, status, clock, now)
    found = found or _by_triggers(snapshot, spec, status, now) or _resting(snapshot, spec, status, now)
    return replace(found, notices=(*told, *found.notices))


def _training(status: RetrainPolicyStatus, clock: Times, snapshot: RetrainSnapshot) -> Course:
    """One run answers to all that arises while it is under way, the calendar included."""
    due = clock.due is not None and not clock.late
    causes = (BY_CALENDAR, *status.causes) if due else status.causes
    status = joined(status, causes)
    if due and clock.due is not None and status.calendar is not None:
        status = status.model_copy(update={"calendar": passed(status.calendar, clock.due)})
    last = status.turns[0]
    if is_requested(last):
        return Course(CONFIRMED, f"{_named(last.causes)}: TrainingRun {last.name} follows", status)
    return Course(RETRAINING, f"TrainingRun {last.name} trains because of {_named(last.causes)}", status)


def _by_calendar(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, clock: Times, now: datetime
) -> tuple[Course | None, RetrainPolicyStatus, tuple[Notice, ...]]:
    """A run that is due, if it may be made; and else the status and what to tell, with a time that was left out."""
    due, calendar = clock.due, clock.calendar
    if due is None or calendar is None:
        return None, status, ()
    refused = refusal(snapshot, status, spec, "Scheduled", now)
    if clock.late:
        message = f"the run of {due:%Y-%m-%dT%H:%M:%SZ} was left out: {refused[1] if refused is not None else _NOBODY}"
        status = status.model_copy(update={"calendar": passed(calendar, due, missed=True)})
        return None, status, (Notice("Warning", "ScheduleMissed", message),)
    if refused is not None:
        return None, status, ()
    status = status.model_copy(update={"calendar": passed(calendar, due)})
    return _ordered(snapshot, spec, status, (BY_CALENDAR, *status.causes), "Scheduled", now), status, ()


def _by_triggers(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime
) -> Course | None:
    """A run for the triggers that hold, or the end of it where runs have not helped; None where none may be made."""
    if not status.causes or refusal(snapshot, status, spec, "Triggered", now) is not None:
        return None
    frozen = futility(status, status.causes, now)
    if frozen is not None:
        return Course(FROZEN, frozen.message, status.model_copy(update={"frozen": frozen}))
    return _ordered(snapshot, spec, status, status.causes, "Triggered", now)


def _ordered(
    snapshot: RetrainSnapshot,
    spec: RetrainPolicySpec,
    status: RetrainPolicyStatus,
    causes: Sequence[str],
    purse: Purse,
    now: datetime,
) -> Course:
    run = intended(snapshot, causes, purse, now, base_of_next(snapshot, spec, status))
    found = "; ".join(evidence(snapshot.looks))
    message = f"{_named(causes)}{f' ({found})' if found else ''}: TrainingRun {run.name} follows{_kind(spec, run)}"
    status = status.model_copy(
        update={**begun((run, *status.turns)), "budget": charged(status.budget, spec, purse, now)}
    )
    # What is shown as the end of the cooldown must not lie before the run's own.
    status = status.model_copy(update={"cooldown_until": now + cooldown(status, spec)})
    return Course(CONFIRMED, message, status, (Notice("Normal", "TrainingRunOrdered", message),))


def _resting(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime) -> Course:
    """Nothing trains and nothing may begin: why, the most lasting reason first."""
    last = status.last_run
    if last is not None and last.rollout == GATE:
        return Course(GATE, f"version {last.version} of TrainingRun {last.name} waits for its first traffic", status)
    if last is not None and last.rollout == ROLLOUT:
        return Course(ROLLOUT, f"version {last.version} of TrainingRun {last.name} passes its stages", status)
    if status.frozen is not None:
        return Course(FROZEN, status.frozen.message, status)
    if snapshot.broken:
        return Course(DATA_QUALITY_HOLD, f"nothing is trained on broken data: {'; '.join(snapshot.broken)}", status)
    until = status.cooldown_until
    if last is not None and until is not None and now < until:
        message = f"no triggered run before {until:%Y-%m-%dT%H:%M:%SZ}: TrainingRun {last.name} {_ended(last)}"
        return Course(COOLDOWN, message, status)
    return _watching(snapshot, spec, status, now)


def _watching(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime) -> Course:
    if status.causes:
        refused = refusal(snapshot, status, spec, "Triggered", now)
        return Course(CONFIRMED, f"{_named(status.causes)}; no run: {refused[1] if refused else ''}", status)
    suspects = [look.suspicion for look in snapshot.looks if look.suspected]
    if suspects:
        return Course(SUSPECTED, "; ".join(suspects), status)
    if any(look.measured for look in snapshot.looks):
        return Course(HEALTHY, "no trigger holds", status)
    if not spec.triggers:
        return Course(HEALTHY, "nothing but the calendar trains", status)
    # Nothing is known: what was known stays, and nothing is claimed that never was.
    known = status.state in (HEALTHY, SUSPECTED)
    return Course(status.state if known else "", status.message if known else "nothing has been measured yet", status)


def _flies(snapshot: RetrainSnapshot, last: RunSummary) -> bool:
    run = snapshot.run(last.name)
    return run is not None and in_flight(run)


def _ended(last: RunSummary) -> str:
    empty = last.reason if last.outcome == "Succeeded" else ""
    return f"came to {last.rollout or empty or last.outcome}"


def _kind(spec: RetrainPolicySpec, run: RunSummary) -> str:
    """What a policy that could continue a version does."""
    if spec.mode != "Incremental":
        return ""
    return f" and continues {run.base}" if run.base else " and trains in full"


def _named(causes: Sequence[str]) -> str:
    return ", ".join(causes)
