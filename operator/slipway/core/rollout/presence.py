"""Which variants can answer: InferenceService Ready, endpoints ready, capacity there; and why one cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.kstatus import is_true
from slipway.core.pod_trouble import trouble
from slipway.core.rollout.snapshot import Object, Resolved, leaving
from slipway.core.rollout.turn import Turn

_SERVER = "kserve-container"


@dataclass(frozen=True)
class Failure:
    """How the server of a variant's pod ended, in its own last words."""

    code: int
    reason: str
    message: str


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
    if variant.adopted:
        return variant.replicas
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


def not_ready(turn: Turn) -> str:
    """Why the candidate could not carry more than it does; empty when it could."""
    candidate = turn.variant("candidate")
    return "" if full(turn, candidate) else f"the candidate is not ready: {complaint(turn, candidate)}"


def failure(turn: Turn, variant: Variant) -> Failure | None:
    """How a server ended that is not ready again; None where none has.

    By the pods, the newest first, since KServe looks at a server's end only when something else makes it look: it
    watches init containers and Deployments, and a pod that never was ready changes neither when it crashes (0.20). What
    KServe says comes second, and it keeps what is over.
    """
    pods = turn.snapshot.served_pods.get(variant.inference_service, ())
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True):
        for ended in () if leaving(pod) else _ends(pod):
            reason = str(ended.get("reason") or "")
            message = str(ended.get("message") or "its process ended")
            return Failure(int(ended["exitCode"]), "" if reason == "Error" else reason, message)
    status = (live_service(turn, variant) or {}).get("status") or {}
    told = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    if not told:
        return None
    return Failure(int(told.get("exitCode") or 0), str(told.get("reason") or ""), str(told.get("message") or ""))


def _ends(pod: Object) -> Iterator[Object]:
    """The last end of the pod's server, unless it answers again or ended well."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if container.get("name") == _SERVER and not container.get("ready"):
            states = (container.get("state") or {}, container.get("lastState") or {})
            yield from (state["terminated"] for state in states if (state.get("terminated") or {}).get("exitCode"))


def complaint(turn: Turn, variant: Variant | None) -> str:
    """Why a variant is not ready, in the words of its pods or of KServe."""
    live = live_service(turn, variant)
    if variant is None or live is None:
        return "its InferenceService does not exist yet"
    if leaving(live):
        return f"somebody deleted its InferenceService {variant.inference_service}"
    failed = failure(turn, variant)
    if failed is not None:
        words = [failed.reason, failed.message, f"(exit code {failed.code})" if failed.code else ""]
        return " ".join(word for word in words if word)[:500]
    if waits := trouble(turn.snapshot.served_pods.get(variant.inference_service, ())):
        return f"{waits.reason}: {waits.message}"
    for condition in (live.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "False" and condition.get("message"):
            return f"{condition['type']}: {condition['message']}"[:500]
    return f"{endpoints(turn, variant)} of {size(turn, variant)} replicas are ready"
