"""Whose evidence a decision needs: candidate against stable in a stage, the promoted variant alone afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.core.evidence import Subject
from slipway.core.rollout.approval import has_share
from slipway.core.rollout.guard import watched
from slipway.core.rollout.route import header_of
from slipway.core.rollout.snapshot import Snapshot, variant
from slipway.core.rollout.turn import TRAFFIC_STAGES


@dataclass(frozen=True)
class Comparison:
    """The two subjects; `stable` is None after promotion, where only absolute bounds are judged."""

    candidate: Subject
    stable: Subject | None
    assigned: bool


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
    if status.stage.type not in (*TRAFFIC_STAGES, "Approval") or candidate is None or not has_share(candidate):
        return None
    traffic = "shadow" if candidate.mirror else "live"
    return Comparison(Subject(rollout, candidate.revision, traffic, status.epoch), live, assigned)
