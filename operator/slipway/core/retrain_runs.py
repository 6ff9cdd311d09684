"""Which runs a policy may make, has made, and may forget."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from slipway.api.v1alpha1.retrainpolicy import BudgetUsed, RetrainPolicySpec, RetrainPolicyStatus, RunSummary
from slipway.core.plan import Delete, ObjectKey
from slipway.core.retrain_snapshot import REQUESTED, Object, RetrainSnapshot, ended, in_flight, made_at, summary


def intended(snapshot: RetrainSnapshot, causes: Sequence[str], now: datetime) -> RunSummary:
    """The run to make next. Its name follows from what is written here, so making it twice makes it once."""
    inputs = "\n".join((snapshot.uid, *causes, now.isoformat()))
    name = f"{snapshot.name}-{hashlib.sha256(inputs.encode()).hexdigest()[:10]}"
    return RunSummary(name=name, causes=tuple(causes), created_at=now, outcome=REQUESTED)


def is_requested(run: RunSummary | None) -> bool:
    """Whether the run is written down and not yet seen."""
    return run is not None and run.outcome == REQUESTED


def refreshed(snapshot: RetrainSnapshot) -> RetrainPolicyStatus:
    """The status with what is seen of the runs now: those that exist, and the newest, also when it is gone."""
    seen = sorted((summary(run) for run in snapshot.runs), key=lambda run: (run.created_at, run.name), reverse=True)
    last = snapshot.status.last_run
    if last is not None:
        found = next((run for run in seen if run.name == last.name), None)
        if found is not None:
            # Causes and instant stay as written: they say what was decided, not what somebody made of it.
            last = last.model_copy(update={"outcome": found.outcome, "version": found.version})
        elif not is_requested(last) and last.outcome not in ("Succeeded", "Failed", "Cancelled"):
            last = last.model_copy(update={"outcome": "Deleted"})
    return snapshot.status.model_copy(update={"runs": tuple(seen[:100]), "last_run": last})


def cooled_down_at(
    snapshot: RetrainSnapshot, status: RetrainPolicyStatus, spec: RetrainPolicySpec, now: datetime
) -> datetime | None:
    """When triggers count again: the cooldown begins at the end of the newest run, before that at its creation.

    Derived anew while the run exists; what was written stays when it is gone. One deleted by hand ended just now.
    """
    last, before = status.last_run, snapshot.status.last_run
    if last is None or last.created_at is None:
        return None
    run = snapshot.run(last.name)
    if run is not None:
        at = (run.get("status") or {}).get("endedAt") if ended(run) else None
        return (datetime.fromisoformat(at) if at else last.created_at) + spec.cooldown.timedelta
    if last.outcome == "Deleted" and before is not None and before.outcome != "Deleted":
        return now + spec.cooldown.timedelta
    return status.cooldown_until or last.created_at + spec.cooldown.timedelta


def refusal(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, now: datetime) -> tuple[str, str] | None:
    """Why no run may be made now: reason and message, or None."""
    if spec.suspend:
        return "Suspended", "spec.suspend is true: nothing triggers"
    busy = sorted(run["metadata"]["name"] for run in snapshot.runs if in_flight(run))
    if busy:
        return "SingleFlight", f"TrainingRun {busy[0]} is not done"
    until = snapshot.status.cooldown_until
    if until is not None and now < until:
        return "Cooldown", f"no triggered run before {until:%Y-%m-%dT%H:%M:%SZ}"
    used = budget_at(snapshot.status.budget, spec, now)
    if used.triggered >= spec.budget.triggered:
        most, per = spec.budget.triggered, spec.budget.per
        return "BudgetExhausted", f"{most} triggered runs are allowed in {per}, and were made since the first of them"
    return None


def budget_at(used: BudgetUsed | None, spec: RetrainPolicySpec, now: datetime) -> BudgetUsed:
    """What counts against the budget: runs since the first one, until that is as old as the budget's time."""
    if used is None or used.since is None or now - used.since >= spec.budget.per.timedelta:
        return BudgetUsed()
    return used


def charged(used: BudgetUsed | None, spec: RetrainPolicySpec, now: datetime) -> BudgetUsed:
    """The budget after one more triggered run."""
    before = budget_at(used, spec, now)
    return BudgetUsed(scheduled=before.scheduled, triggered=before.triggered + 1, since=before.since or now)


def outdated(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> tuple[Delete, ...]:
    """Ended runs beyond the history limit, oldest first; of this policy only, others may carry its label."""
    own = [run for run in snapshot.runs if ended(run) and _made_by(run, snapshot.uid)]
    newest = sorted(own, key=lambda run: (made_at(run), run["metadata"]["name"]), reverse=True)
    return tuple(
        Delete(
            ObjectKey(run["apiVersion"], run["kind"], snapshot.namespace, run["metadata"]["name"]),
            run["metadata"]["uid"],
        )
        for run in reversed(newest[spec.history_limit :])
        if not run["metadata"].get("deletionTimestamp")
    )


def _made_by(run: Object, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in run["metadata"].get("ownerReferences") or ())
