"""RetrainPolicy: when to train again.

A run is written down before it is made: state Confirmed with an outcome Requested is the order, and everything after it
follows from the status and from what exists. Killed anywhere, the next decision makes the same run, or none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slipway.api.v1alpha1.retrainpolicy import FeatureDrift, RetrainPolicySpec, RetrainPolicyStatus, RunSummary
from slipway.core.desired.retrained_run import retrained_run
from slipway.core.drift import Look
from slipway.core.drift_report import features_to_show
from slipway.core.kstatus import Said, as_written, inactive, ready, reconciling, stalled, waiting, with_conditions
from slipway.core.plan import Action, Create, Notice, Plan
from slipway.core.retrain_runs import charged, cooled_down_at, intended, is_requested, outdated, refreshed, refusal
from slipway.core.retrain_snapshot import RetrainSnapshot, in_flight

HEALTHY, SUSPECTED, CONFIRMED = "Healthy", "Suspected", "Confirmed"
RETRAINING, ROLLOUT, COOLDOWN = "Retraining", "Rollout", "Cooldown"


def decide(snapshot: RetrainSnapshot, now: datetime) -> Plan:
    """What to do about a policy, and what to say of it."""
    spec = snapshot.spec
    if spec is None:
        return _plan(snapshot, snapshot.status, stalled("SpecInvalid", snapshot.invalid), now)
    actions: tuple[Action, ...] = (*_order(snapshot), *outdated(snapshot, spec))
    status = _shown(snapshot, refreshed(snapshot))
    state, status, notices = _next(snapshot, spec, status, now)
    if state != snapshot.status.state:
        status = status.model_copy(update={"state": state, "since": now})
    plan = _plan(snapshot, status, _conditions(snapshot, spec, state, now), now)
    wake = (
        0.0
        if is_requested(status.last_run) and not is_requested(snapshot.status.last_run)
        else _wake(snapshot, status, now)
    )
    return replace(plan, actions=actions, notices=notices, requeue_after=wake)


def _order(snapshot: RetrainSnapshot) -> tuple[Create, ...]:
    """The run that the persisted status asks for, while it is not there."""
    last = snapshot.status.last_run
    if last is None or not is_requested(last) or snapshot.run(last.name) is not None:
        return ()
    return (Create(retrained_run(snapshot.policy, last.name, last.causes)),)


def _shown(snapshot: RetrainSnapshot, status: RetrainPolicyStatus) -> RetrainPolicyStatus:
    features: tuple[FeatureDrift, ...] = features_to_show(status.features, snapshot.looks, snapshot.spec)
    causes = tuple(look.trigger for look in snapshot.looks if look.confirmed)
    return status.model_copy(update={"features": features, "causes": causes})


def _next(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime
) -> tuple[str, RetrainPolicyStatus, tuple[Notice, ...]]:
    """The state machine: the state that follows, the status with its fields, and what to tell."""
    last = status.last_run
    status = status.model_copy(update={"cooldown_until": cooled_down_at(snapshot, status, spec, now)})
    if is_requested(last):
        return CONFIRMED, status, ()
    if last is not None and _flies(snapshot, last):
        return RETRAINING, status, ()
    if last is not None and snapshot.served and last.version and last.version in snapshot.served.rolling:
        return ROLLOUT, status, ()
    if status.cooldown_until is not None and now < status.cooldown_until:
        return COOLDOWN, status, ()
    return _fresh(replace(snapshot, status=status), spec, now)


def _fresh(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, now: datetime
) -> tuple[str, RetrainPolicyStatus, tuple[Notice, ...]]:
    """With nothing under way: what the triggers say, and what may be done about it."""
    status, causes = snapshot.status, snapshot.status.causes
    if not causes:
        suspected = any(look.drifted for look in snapshot.looks)
        if suspected or any(look.measured for look in snapshot.looks):
            return SUSPECTED if suspected else HEALTHY, status, ()
        # Nothing is known: what was known stays, and nothing is claimed that never was.
        return status.state if status.state in (HEALTHY, SUSPECTED) else "", status, ()
    if refusal(snapshot, spec, now) is not None:
        return CONFIRMED, status, ()
    run = intended(snapshot, causes, now)
    changes: dict[str, Any] = {
        "last_run": run,
        "budget": charged(status.budget, spec, now),
        "cooldown_until": now + spec.cooldown.timedelta,
    }
    message = f"{', '.join(causes)}: {', '.join(_drifting(snapshot.looks))} drifted; TrainingRun {run.name} follows"
    return CONFIRMED, status.model_copy(update=changes), (Notice("Normal", "DriftConfirmed", message),)


def _flies(snapshot: RetrainSnapshot, last: RunSummary) -> bool:
    run = snapshot.run(last.name)
    return run is not None and in_flight(run)


def _wake(snapshot: RetrainSnapshot, status: RetrainPolicyStatus, now: datetime) -> float:
    """At the next slot, which all policies with the same window share, or at the end of the cooldown."""
    rest = snapshot.slot - now.timestamp() % snapshot.slot
    until = status.cooldown_until
    if until is not None and until > now:
        rest = min(rest, (until - now) / timedelta(seconds=1))
    return rest


def _drifting(looks: tuple[Look, ...]) -> list[str]:
    return sorted({name for look in looks for name in look.drifting})


def _conditions(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, state: str, now: datetime) -> tuple[Said, ...]:
    return (*_health(snapshot, spec), *_drift(snapshot, spec, state, now), *inactive(snapshot.inactive))


def _health(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> tuple[Said, ...]:
    name = spec.rollout_ref.name
    if spec.suspend:
        return waiting("Suspended", "spec.suspend is true: nothing triggers")
    if not any(trigger.drift is not None for trigger in spec.triggers):
        return waiting("NothingActive", "this version acts on triggers of type Drift only, and the policy has none")
    if snapshot.served is None:
        return reconciling("RolloutNotFound", f"there is no ModelRollout {name!r}; the policy watches once there is")
    if not snapshot.served.revision:
        return reconciling("NothingServed", f"ModelRollout {name!r} has no stable revision yet")
    ill = next((look.problem for look in snapshot.looks if look.problem is not None), None)
    if ill is not None:
        return reconciling(ill.reason, ill.message)
    return ready("Watching", f"the live requests of ModelRollout {name!r} are watched")


def _drift(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, state: str, now: datetime) -> tuple[Said, ...]:
    """DriftMeasured says whether there is anything to go by, DriftConfirmed what it says."""
    if not snapshot.looks:
        return ()
    measured = [look for look in snapshot.looks if look.measured]
    if not measured:
        ill = next((look.problem for look in snapshot.looks if look.problem is not None), None)
        reason = ill.reason if ill else "InsufficientData"
        message = ill.message if ill else "no feature has enough rows in the newest window"
        return (
            Said("DriftMeasured", "Unknown", reason, message),
            Said("DriftConfirmed", "Unknown", reason, "nothing is measured, so nothing triggers"),
        )
    basis = "compared with a bootstrap of the reference alone: without weeks of history this is provisional"
    return (Said("DriftMeasured", "True", "Provisional", basis), _confirmed(snapshot, spec, now))


def _confirmed(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, now: datetime) -> Said:
    causes = [look.trigger for look in snapshot.looks if look.confirmed]
    if not causes:
        return Said("DriftConfirmed", "False", "NoDrift", "no trigger has enough windows with drift")
    refused = refusal(snapshot, spec, now)
    names = f"{', '.join(causes)}: {', '.join(_drifting(snapshot.looks))}"
    if refused is None:
        return Said("DriftConfirmed", "True", "Drifted", names)
    return Said("DriftConfirmed", "True", refused[0], f"{names}; no further run: {refused[1]}")


def _plan(snapshot: RetrainSnapshot, status: RetrainPolicyStatus, said: tuple[Said, ...], now: datetime) -> Plan:
    status = status.model_copy(update={"inactive_fields": snapshot.inactive})
    return Plan(status=as_written(with_conditions(status, said, snapshot.generation, now)))
