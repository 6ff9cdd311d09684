"""Which runs a policy may make, has made, and may forget."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from slipway.api.v1alpha1.retrain_status import BudgetUsed, RetrainPolicyStatus, RunSummary
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.plan import Delete, ObjectKey
from slipway.core.retrain.snapshot import REQUESTED, Object, RetrainSnapshot, ended, ended_at, in_flight, made_at, phase

Purse = Literal["Scheduled", "Triggered"]
_MOST_DOUBLINGS = 10


def intended(
    snapshot: RetrainSnapshot, causes: Sequence[str], purse: Purse, now: datetime, base: str = ""
) -> RunSummary:
    """The run to make next. Its name follows from what is written here, so making it twice makes it once.

    `base` is the version that it continues; empty where it trains in full.
    """
    inputs = "\n".join((snapshot.uid, *causes, now.isoformat()))
    name = f"{snapshot.name}-{hashlib.sha256(inputs.encode()).hexdigest()[:10]}"
    return RunSummary(name=name, causes=tuple(causes), budget=purse, created_at=now, outcome=REQUESTED, base=base)


def is_requested(run: RunSummary | None) -> bool:
    """Whether the run is written down and not yet seen."""
    return run is not None and run.outcome == REQUESTED


def cooled_down_at(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, spec: RetrainPolicySpec, now: datetime
) -> datetime | None:
    """When triggers count again: the cooldown begins at the end of the newest run, before that at its creation.

    It doubles with each run in a row that failed, up to the time of the budget. Derived anew while the run exists; what
    was written stays when it is gone. One deleted by hand ended just now.
    """
    last = status.last_run
    if last is None or last.created_at is None:
        return None
    run, pause = snapshot.run(last.name), cooldown(status, spec)
    if run is not None:
        return (ended_at(run) or last.created_at) + pause
    if last.outcome == "Deleted":
        return (last.ended_at or now) + pause
    return status.cooldown_until or last.created_at + pause


def cooldown(status: RetrainPolicyStatus, spec: RetrainPolicySpec) -> timedelta:
    """How long triggers rest after the newest run."""
    failed = 0
    for turn in status.turns:
        if turn.outcome != "Failed":
            break
        failed += 1
    pause: timedelta = spec.cooldown.timedelta
    longest: timedelta = spec.budget.per.timedelta
    return pause if failed < 2 else max(pause, min(pause * (1 << min(failed - 1, _MOST_DOUBLINGS)), longest))


def obstacle(snapshot: RetrainSnapshot, status: RetrainPolicyStatus, spec: RetrainPolicySpec) -> tuple[str, str] | None:
    """Why nothing at all may train now, neither by triggers nor by the calendar: reason and message, or None."""
    if spec.suspend:
        return "Suspended", "spec.suspend is true: nothing trains"
    busy = sorted(run["metadata"]["name"] for run in snapshot.runs if in_flight(run))
    if busy:
        return "SingleFlight", f"TrainingRun {busy[0]} is not done"
    last = status.last_run
    if last is not None and last.rollout in ("Gate", "Rollout"):
        return "SingleFlight", f"version {last.version} of TrainingRun {last.name} is on its way into traffic"
    if status.frozen is not None:
        return "Frozen", status.frozen.message
    if snapshot.broken:
        return "DataQuality", "; ".join(snapshot.broken)
    return None


def refusal(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, spec: RetrainPolicySpec, purse: Purse, now: datetime
) -> tuple[str, str] | None:
    """Why a run may not be made now on this budget: reason and message, or None."""
    if (found := obstacle(snapshot, status, spec)) is not None:
        return found
    until = status.cooldown_until
    if purse == "Triggered" and until is not None and now < until:
        return "Cooldown", f"no triggered run before {until:%Y-%m-%dT%H:%M:%SZ}"
    used = budget_at(status.budget, spec, now)
    made, most = (
        (used.triggered, spec.budget.triggered) if purse == "Triggered" else (used.scheduled, spec.budget.scheduled)
    )
    if made >= most:
        return "BudgetExhausted", f"{most} {purse.lower()} runs are allowed in {spec.budget.per}, and were made"
    return None


def budget_at(used: BudgetUsed | None, spec: RetrainPolicySpec, now: datetime) -> BudgetUsed:
    """What counts against the budget at an instant: the runs ordered within its time before that."""
    if used is None:
        return BudgetUsed()
    begin = now - spec.budget.per.timedelta
    return _counted(*(tuple(at for at in each if at > begin) for each in (used.scheduled_at, used.triggered_at)))


def charged(used: BudgetUsed | None, spec: RetrainPolicySpec, purse: Purse, now: datetime) -> BudgetUsed:
    """The budget after one more run."""
    before = budget_at(used, spec, now)
    if purse == "Scheduled":
        return _counted((*before.scheduled_at, now), before.triggered_at)
    return _counted(before.scheduled_at, (*before.triggered_at, now))


def _counted(scheduled: tuple[datetime, ...], triggered: tuple[datetime, ...]) -> BudgetUsed:
    return BudgetUsed(
        scheduled=len(scheduled), triggered=len(triggered), scheduled_at=scheduled, triggered_at=triggered
    )


def outdated(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> tuple[Delete, ...]:
    """Ended runs beyond the history limit, oldest first; of this policy only, others may carry its label.

    One whose end status does not know yet is kept: what it came to would be lost.
    """
    known = {turn.name: turn.outcome for turn in snapshot.status.turns}
    own = [run for run in snapshot.runs if ended(run) and _made_by(run, snapshot.uid)]
    newest = sorted(own, key=lambda run: (made_at(run), run["metadata"]["name"]), reverse=True)
    return tuple(
        Delete(
            ObjectKey(run["apiVersion"], run["kind"], snapshot.namespace, run["metadata"]["name"]),
            run["metadata"]["uid"],
        )
        for run in reversed(newest[spec.history_limit :])
        if not run["metadata"].get("deletionTimestamp") and known.get(run["metadata"]["name"], phase(run)) == phase(run)
    )


def _made_by(run: Object, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in run["metadata"].get("ownerReferences") or ())
