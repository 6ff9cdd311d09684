"""What a RetrainPolicy says of itself."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.drift import Look
from slipway.core.kstatus import Said, inactive, ready, reconciling, stalled, waiting
from slipway.core.performance_look import PerformanceLook
from slipway.core.retrain.continuing import continuable
from slipway.core.retrain.runs import refusal
from slipway.core.retrain.snapshot import RetrainSnapshot, evidence


def conditions(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime
) -> tuple[Said, ...]:
    """All of them, in the order in which a person asks."""
    return (
        *_health(snapshot, spec, status),
        *_drift(snapshot, spec, status, now),
        *_labels(snapshot),
        *_freeze(status),
        *continuable(snapshot, spec, status),
        *_data(snapshot),
        *_model(snapshot, spec),
        *inactive(snapshot.inactive),
    )


def _health(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus) -> tuple[Said, ...]:
    name = spec.rollout_ref.name
    if spec.suspend:
        return waiting("Suspended", "spec.suspend is true: nothing trains")
    if status.frozen is not None:
        return stalled("Frozen", status.frozen.message)
    if snapshot.served is None:
        return reconciling("RolloutNotFound", f"there is no ModelRollout {name!r}; the policy watches once there is")
    if not snapshot.served.revision:
        return reconciling("NothingServed", f"ModelRollout {name!r} has no stable revision yet")
    ill = next((look.problem for look in snapshot.looks if look.problem is not None), None)
    if ill is not None:
        return reconciling(ill.reason, ill.message)
    if not spec.triggers:
        return ready("Scheduled", "the calendar is followed")
    return ready("Watching", f"the live requests of ModelRollout {name!r} are watched")


def _drift(
    snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime
) -> tuple[Said, ...]:
    """DriftMeasured says whether there is anything to go by, DriftConfirmed what it says. A number of a metric is no
    measure of drift, and may confirm a trigger all the same."""
    seen = [look for look in snapshot.looks if look.measured]
    drifts = [look for look in snapshot.looks if isinstance(look, Look)]
    basis = "compared with a bootstrap of the reference alone: without weeks of history this is provisional"
    if any(look.measured for look in drifts):
        return (Said("DriftMeasured", "True", "Provisional", basis), _confirmed(snapshot, spec, status, now))
    ill = next((look.problem for look in drifts or snapshot.looks if look.problem is not None), None)
    reason = ill.reason if ill else "InsufficientData"
    message = ill.message if ill else "no feature has enough rows in the newest window"
    unknown = (Said("DriftMeasured", "Unknown", reason, message),) if drifts else ()
    if any(look.confirmed for look in seen) or (seen and not drifts):
        return (*unknown, _confirmed(snapshot, spec, status, now))
    said = Said("DriftConfirmed", "Unknown", reason, "nothing is measured, so nothing triggers")
    return (*unknown, said) if snapshot.looks else ()


def _confirmed(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus, now: datetime) -> Said:
    causes = [look.trigger for look in snapshot.looks if look.confirmed]
    if not causes:
        return Said("DriftConfirmed", "False", "NoDrift", "no trigger has enough windows with drift")
    refused = refusal(snapshot, status, spec, "Triggered", now)
    found = "; ".join(evidence(snapshot.looks))
    names = ", ".join(causes) + (f": {found}" if found else "")
    if refused is None:
        return Said("DriftConfirmed", "True", "Drifted", names)
    return Said("DriftConfirmed", "True", refused[0], f"{names}; no further run: {refused[1]}")


def _labels(snapshot: RetrainSnapshot) -> tuple[Said, ...]:
    """PerformanceMeasured says whether matured labels judge the model by now, of each trigger that asks them."""
    looks = [look for look in snapshot.looks if isinstance(look, PerformanceLook)]
    if not looks:
        return ()
    told = "; ".join(f"{look.trigger}: {look.problem.message if look.problem else look.words}" for look in looks)
    dumb = next((look for look in looks if not look.measured), None)
    if dumb is None:
        return (Said("PerformanceMeasured", "True", "Measured", told),)
    reason = dumb.problem.reason if dumb.problem is not None else dumb.verdict or "InsufficientData"
    return (Said("PerformanceMeasured", "Unknown", reason, told),)


def _freeze(status: RetrainPolicyStatus) -> tuple[Said, ...]:
    frozen = status.frozen
    return () if frozen is None else (Said("Frozen", "True", frozen.reason, frozen.message),)


def _model(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> tuple[Said, ...]:
    """RegistersServedModel is False where runs make versions of a model that the rollout never looks at."""
    trained = str((snapshot.raw["runTemplate"]["spec"].get("register") or {}).get("model", ""))
    served = snapshot.served.model if snapshot.served is not None else ""
    if not trained or not served or trained == served:
        return ()
    message = (
        f"runTemplate.spec.register.model is {trained!r}, and spec.model.mlflow.name of ModelRollout "
        f"{spec.rollout_ref.name!r} is {served!r}: versions of this policy never reach it, and oscillation "
        "is not seen; give both the same name"
    )
    return (Said("RegistersServedModel", "False", "OtherModel", message),)


def _data(snapshot: RetrainSnapshot) -> tuple[Said, ...]:
    found = (("DataQuality", snapshot.damage), ("LabelQuality", snapshot.label_damage))
    return tuple(Said(kind, "False", "DataQualityHold", "; ".join(damage)) for kind, damage in found if damage)
