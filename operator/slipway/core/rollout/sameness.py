"""When two models are the same one: the registry may know no digest, and a version number is nothing without a name."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import HistoryEntry, Queued, Rejected, Target, Variant
from slipway.core.rollout.snapshot import Resolved

Held = Target | Variant | Rejected | Queued | HistoryEntry


def resolved(held: Held) -> Resolved:
    """What a status holds of a model, as the registry would tell it."""
    return Resolved(held.model, held.version, held.digest)


def same_model(model: Resolved, held: Held) -> bool:
    """The same model: by digest, or by name and version where the registry knows no digest."""
    return model.digest == held.digest if model.digest and held.digest else same_version(model, held)


def same_version(model: Resolved, held: Held) -> bool:
    """A version number says nothing without its model's name, which statuses of older operators do not hold."""
    return model.version == held.version and (model.name == held.model or "" in (model.name, held.model))
