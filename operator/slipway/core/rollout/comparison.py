"""Whose evidence a decision needs: candidate against stable in a stage, the promoted variant alone afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.core.evidence import Subject
from slipway.core.rollout.guard import judges_candidate, watched
from slipway.core.rollout.passing import ahead
from slipway.core.rollout.route import header_of
from slipway.core.rollout.snapshot import Snapshot, variant
from slipway.core.rollout.turn import BUILD, PROMOTE, PROVE, ROLLBACK


@dataclass(frozen=True)
class Comparison:
    """The two subjects; `stable` is None where a promoted version is guarded and nothing is compared with it: only
    absolute bounds are judged then. Before an experiment both are stable."""

    candidate: Subject
    stable: Subject | None
    assigned: bool


def coming(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> Stage | None:
    """The stage that follows the running one; None when none does, or when the candidate is not that far."""
    stage, target = status.stage, status.target
    if stage is None or target is None or stage.type in (BUILD, PROVE, PROMOTE, ROLLBACK):
        return None
    place = ahead(spec.stages, target, stage.index)[1]
    return spec.stages[place] if place < len(spec.stages) else None


def _before_experiment(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> bool:
    """Whether the next stage is an experiment, which is planned from stable's traffic of now."""
    following = coming(spec, status)
    return following is not None and following.type == "ABTest"


def comparison(snapshot: Snapshot) -> Comparison | None:
    """None while nothing is judged: then Prometheus is not asked."""
    status, spec = snapshot.status, snapshot.spec
    stable, candidate = variant(status, "stable"), variant(status, "candidate")
    if spec is None or stable is None:
        return None
    assigned, rollout = bool(header_of(spec)), snapshot.identity.key
    live = Subject(rollout, stable.revision, "live", status.epoch)
    if candidate is None or not judges_candidate(status):
        if _before_experiment(spec, status):
            return Comparison(live, live, assigned)
        return Comparison(live, None, assigned) if watched(spec, status) else None
    traffic = "shadow" if candidate.mirror else "live"
    return Comparison(Subject(rollout, candidate.revision, traffic, status.epoch), live, assigned)
