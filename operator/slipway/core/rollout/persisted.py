"""The status as it is written, and the part of it that actions follow from."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, StageProgress
from slipway.core.rollout.replacement import names_of


def position(status: ModelRolloutStatus) -> Any:
    """All of the status that effects are derived from."""
    stage = status.stage
    where = (stage.type, stage.name, stage.since, stage.withheld_since is None, _asked(stage)) if stage else None
    variants = [(v.name, v.role, names_of(v), v.weight, v.mirror, v.template, v.number) for v in status.variants]
    decided = (status.ledger.sequence, status.ledger.missed) if status.ledger else None
    announced = status.announcements.sequence if status.announcements else 0
    return status.target, where, variants, status.epoch, decided, announced, _of_probation(status)


def _asked(stage: StageProgress) -> Any:
    """The comparison of pairs that a Job is made for."""
    return (stage.pairs.run, stage.pairs.running) if stage.pairs is not None else None


def _of_probation(status: ModelRolloutStatus) -> Any:
    """The measurement on matured labels that a Job is made for, and what it came to."""
    known = status.probation
    return (known.question, known.run, known.running, known.verdict) if known is not None else None


def dump(status: ModelRolloutStatus) -> dict[str, Any]:
    """The status as JSON values, without what is empty."""
    found: dict[str, Any] = _pruned(status.model_dump(mode="json", by_alias=True, exclude_none=True))
    return found


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v not in ("", [], {})}
    return [_pruned(v) for v in value] if isinstance(value, list) else value
