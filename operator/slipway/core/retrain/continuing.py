"""What a policy with mode Incremental continues: the version that serves, so that a way back forks the lineage.

Where nothing serves that its runs could have made, or a run has found that the version cannot be continued, it trains
in full: the version of that run is continued once it serves.
"""

from __future__ import annotations

from slipway.api.v1alpha1.incremental import UNCONTINUABLE
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus, RunSummary
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.kstatus import Said
from slipway.core.retrain.snapshot import RetrainSnapshot


def base_of_next(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus) -> str:
    """The version that the next run continues, such as models:/card-fraud/7; empty where it trains in full."""
    base = _serving(snapshot, spec)
    return "" if _refused(status, base) is not None else base


def continuable(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, status: RetrainPolicyStatus) -> tuple[Said, ...]:
    """The condition Continuable: what the next run does, and why it does not continue. Of mode Incremental alone."""
    if spec.mode != "Incremental":
        return ()
    base = _serving(snapshot, spec)
    if not base:
        name = spec.rollout_ref.name
        message = f"ModelRollout {name!r} serves no version that runs of this policy make: the next run trains in full"
        return (Said("Continuable", "False", "NothingToContinue", message),)
    refused = _refused(status, base)
    if refused is None:
        return (Said("Continuable", "True", "Continuing", f"the next run continues {base}, which serves"),)
    message = (
        f"TrainingRun {refused.name} could not continue {base}, as its condition Stalled says: the next run trains in "
        "full, and what it makes is continued once it serves"
    )
    return (Said("Continuable", "False", refused.reason, message),)


def grown_versions(status: RetrainPolicyStatus) -> frozenset[str]:
    """Versions that runs of the policy have made by continuing another."""
    return frozenset(turn.version for turn in status.turns if turn.base and turn.version)


def _serving(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> str:
    register, served = spec.run_template.spec.registration, snapshot.served
    if spec.mode != "Incremental" or register is None or served is None or not served.version:
        return ""
    return f"models:/{register.model}/{served.version}"


def _refused(status: RetrainPolicyStatus, base: str) -> RunSummary | None:
    """The newest run that found this base to be one that cannot be continued."""
    return next((turn for turn in status.turns if turn.base == base and turn.reason in UNCONTINUABLE), None)
