"""RolloutRequest: what a decision about it needs to see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec, RolloutRequestStatus
from slipway.controllers.reading import read_spec
from slipway.core import request
from slipway.core.plan import ObjectKey, Plan
from slipway.core.request import ANSWERED, RequestSnapshot, Target
from slipway.core.rollout.snapshot import Request
from slipway.core.rollout.turn import ROLLBACK
from slipway.runtime.world import Object, World

_WAYS_BACK = ("Abort", "Rollback")


class RequestController:
    """Observes a RolloutRequest, and what its rollout answers."""

    kind = "RolloutRequest"

    async def observe(self, obj: Object, world: World, now: datetime) -> RequestSnapshot:
        """Reads the cache only: nothing here waits."""
        metadata = obj["metadata"]
        spec, invalid, inactive = read_spec(self.kind, RolloutRequestSpec, obj)
        return RequestSnapshot(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=_created(obj),
            spec=spec,
            status=RolloutRequestStatus.model_validate(obj.get("status") or {}),
            target=_target(obj, spec, world) if spec is not None else None,
            invalid=invalid,
            inactive=inactive,
            deleting=bool(metadata.get("deletionTimestamp")),
        )

    def decide(self, snapshot: RequestSnapshot, now: datetime) -> Plan:
        """Pure."""
        return request.decide(snapshot, now)


def open_requests(namespace: str, rollout: str, world: World) -> tuple[Request, ...]:
    """RolloutRequests of a rollout that have no final answer in their own status."""
    return tuple(_open(namespace, rollout, world))


def _open(namespace: str, rollout: str, world: World) -> Iterator[Request]:
    for obj in world.list("RolloutRequest", namespace, {}):
        metadata = obj["metadata"]
        named = ((obj.get("spec") or {}).get("target") or {}).get("name")
        answered = (obj.get("status") or {}).get("phase") in ANSWERED
        if named != rollout or answered or metadata.get("deletionTimestamp"):
            continue
        spec, _, inactive = read_spec("RolloutRequest", RolloutRequestSpec, obj)
        if spec is not None and spec.target.kind == "ModelRollout" and not inactive:
            yield Request(metadata["uid"], metadata["name"], _created(obj), spec)


def _target(obj: Object, spec: RolloutRequestSpec, world: World) -> Target | None:
    key = ObjectKey(API_VERSION, spec.target.kind, obj["metadata"]["namespace"], spec.target.name)
    found = world.get(key)
    if found is None:
        return None
    leaving = bool(found["metadata"].get("deletionTimestamp"))
    if spec.target.kind != "ModelRollout":
        return Target(leaving=leaving)
    status = ModelRolloutStatus.model_validate(found.get("status") or {})
    answer = next((each for each in status.requests if each.uid == obj["metadata"]["uid"]), None)
    stage = status.stage
    on_its_way = stage is not None and stage.type == ROLLBACK and stage.route_observed_at is None
    return Target(answer, leaving, carried=spec.action not in _WAYS_BACK or not on_its_way)


def _created(obj: Object) -> datetime:
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
