"""Whether a rollout scores batches, and what of its spec makes no sense then."""

from __future__ import annotations

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.core.rollout.snapshot import Snapshot
from slipway.validation.batch import without_requests
from slipway.validation.findings import errors


def is_batch(snapshot: Snapshot) -> bool:
    """By its task; while that is missing, by the traffic that every other rollout has."""
    if snapshot.task:
        return snapshot.batch is not None or bool(snapshot.batch_invalid)
    return snapshot.spec is not None and snapshot.spec.traffic is None


def unusable_for_batch(snapshot: Snapshot, spec: ModelRolloutSpec) -> str:
    """What a task without requests has no use for, and what its rollouts cannot become."""
    task = spec.task_ref.name
    if snapshot.batch_invalid:
        return f"ModelTask {task} is not valid: {snapshot.batch_invalid}"
    if any(variant.inference_service for variant in snapshot.status.variants):
        return mode_changed(task, "Inline", "Batch")
    if spec.model is None or spec.model.type not in ("MLflow", "Run"):
        return "spec.model must be of type MLflow or Run: this version scores batches with images that it builds"
    return "; ".join(str(finding) for finding in errors(without_requests(spec)))


def mode_changed(task: str, before: str, now: str) -> str:
    """A rollout lives as long as its service does, and becomes no other kind of service."""
    return (
        f"ModelTask {task} changed its serving.mode from {before} to {now}: make a ModelRollout of another name for "
        "it; what this one has made goes on as it was"
    )
