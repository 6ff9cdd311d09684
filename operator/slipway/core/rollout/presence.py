"""Which variants can answer: InferenceService Ready, endpoints ready, capacity there."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.rollout.snapshot import Object, Resolved, is_true, leaving
from slipway.core.rollout.turn import Turn


def live_service(turn: Turn, variant: Variant | None) -> Object | None:
    """The InferenceService of a variant, unless it is missing."""
    return turn.snapshot.services.get(variant.inference_service) if variant else None


def endpoints(turn: Turn, variant: Variant | None) -> int:
    """Ready endpoints of a variant."""
    return turn.snapshot.ready.get(variant.inference_service, 0) if variant else 0


def answers(turn: Turn, variant: Variant | None) -> bool:
    """Whether a variant may be named by the route: it exists, nobody has deleted it, at least one endpoint is ready."""
    live = live_service(turn, variant)
    return live is not None and not leaving(live) and endpoints(turn, variant) > 0


def size(turn: Turn, variant: Variant) -> int:
    """Replicas asked for. A spec with fewer reaches stable when the rollout has ended: the way back is only as wide as
    stable is (traffic.md 6). While the model is not resolved it is unknown whether the same spec begins a rollout."""
    least = turn.spec.predictor.min_replicas
    rolling = turn.status.target is not None or not isinstance(turn.snapshot.model, Resolved)
    return max(least, variant.replicas) if variant.name == "stable" and rolling else least


def full(turn: Turn, variant: Variant | None) -> bool:
    """Whether a variant has all replicas ready: Ready alone is not capacity."""
    live = live_service(turn, variant)
    if live is None or not answers(turn, variant):
        return False
    ready = is_true((live.get("status") or {}).get("conditions"), "Ready")
    return ready and variant is not None and endpoints(turn, variant) >= size(turn, variant)


def complaint(turn: Turn, variant: Variant | None) -> str:
    """Why a variant is not ready, in KServe's words."""
    live = live_service(turn, variant)
    if variant is None or live is None:
        return "its InferenceService does not exist yet"
    if leaving(live):
        return f"somebody deleted its InferenceService {variant.inference_service}"
    status = live.get("status") or {}
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    if failure:
        words = [failure.get("reason", ""), failure.get("message", "")]
        code = failure.get("exitCode")
        return " ".join(w for w in [*words, f"(exit code {code})" if code else ""] if w)[:500]
    for condition in status.get("conditions") or ():
        if condition.get("status") == "False" and condition.get("message"):
            return f"{condition['type']}: {condition['message']}"[:500]
    return f"{endpoints(turn, variant)} of {size(turn, variant)} replicas are ready"
