"""RolloutRequest: what a decision about it needs to see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.rollout_commands import RequestAnswer
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
    """Observes a RolloutRequest, and what its target answers."""

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


def open_requests(kind: str, namespace: str, name: str, world: World) -> tuple[Request, ...]:
    """RolloutRequests to an object that have no final answer in their own status."""
    return tuple(_open(kind, namespace, name, world))


def _open(kind: str, namespace: str, name: str, world: World) -> Iterator[Request]:
    for obj in world.list("RolloutRequest", namespace, {}):
        metadata = obj["metadata"]
        named = ((obj.get("spec") or {}).get("target") or {}).get("name")
        answered = (obj.get("status") or {}).get("phase") in ANSWERED
        if named != name or answered or metadata.get("deletionTimestamp"):
            continue
        spec, _, inactive = read_spec("RolloutRequest", RolloutRequestSpec, obj)
        if spec is not None and spec.target.kind == kind and not inactive:
            yield Request(metadata["uid"], metadata["name"], _created(obj), spec)


def _target(obj: Object, spec: RolloutRequestSpec, world: World) -> Target | None:
    key = ObjectKey(API_VERSION, spec.target.kind, obj["metadata"]["namespace"], spec.target.name)
    found = world.get(key)
    if found is None:
        return None
    leaving = bool(found["metadata"].get("deletionTimestamp"))
    uid = obj["metadata"]["uid"]
    if spec.target.kind == "RetrainPolicy":
        policy = RetrainPolicyStatus.model_validate(found.get("status") or {})
        return Target(_answer(policy.requests, uid), leaving)
    status = ModelRolloutStatus.model_validate(found.get("status") or {})
    stage = status.stage
    on_its_way = stage is not None and stage.type == ROLLBACK and stage.route_observed_at is None
    return Target(_answer(status.requests, uid), leaving, carried=spec.action not in _WAYS_BACK or not on_its_way)


def _answer(answers: Sequence[RequestAnswer], uid: str) -> RequestAnswer | None:
    return next((each for each in answers if each.uid == uid), None)


def _created(obj: Object) -> datetime:
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
