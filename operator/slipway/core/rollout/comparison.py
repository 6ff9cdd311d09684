"""Whose evidence a decision needs: candidate against stable in a stage, the promoted variant alone afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.core.evidence import Subject
from slipway.core.rollout.guard import watched
from slipway.core.rollout.route import header_of
from slipway.core.rollout.snapshot import Snapshot, variant
from slipway.core.rollout.turn import BUILD, PROMOTE, PROVE, ROLLBACK, TRAFFIC_STAGES


@dataclass(frozen=True)
class Comparison:
    """The two subjects; `stable` is None after promotion, where only absolute bounds are judged. Before an experiment
    both are stable."""

    candidate: Subject
    stable: Subject | None
    assigned: bool


def _before_experiment(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> bool:
    """Whether the next stage is an experiment, which is planned from stable's traffic of now."""
    following = status.stage.index + 1 if status.stage is not None else len(spec.stages)
    waits = status.stage is not None and status.stage.type not in (BUILD, PROVE, PROMOTE, ROLLBACK)
    return waits and following < len(spec.stages) and spec.stages[following].type == "ABTest"


def comparison(snapshot: Snapshot) -> Comparison | None:
    """None while nothing is judged: then Prometheus is not asked."""
    status, spec = snapshot.status, snapshot.spec
    stable, candidate = variant(status, "stable"), variant(status, "candidate")
    if spec is None or stable is None:
        return None
    assigned, rollout = bool(header_of(spec)), snapshot.identity.key
    live = Subject(rollout, stable.revision, "live", status.epoch)
    if status.stage is None:
        return Comparison(live, None, assigned) if watched(spec, status) else None
    if status.stage.type not in TRAFFIC_STAGES or candidate is None:
        return Comparison(live, live, assigned) if _before_experiment(spec, status) else None
    traffic = "shadow" if status.stage.type == "Shadow" else "live"
    return Comparison(Subject(rollout, candidate.revision, traffic, status.epoch), live, assigned)
