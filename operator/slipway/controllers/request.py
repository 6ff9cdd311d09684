"""RolloutRequest: what a decision about it needs to see."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec, RolloutRequestStatus
from slipway.controllers.reading import read_spec
from slipway.core import request
from slipway.core.plan import Plan
from slipway.core.request import RequestSnapshot
from slipway.runtime.world import Object, World


class RequestController:
    """Observes a RolloutRequest, and nothing else: this version looks at no target."""

    kind = "RolloutRequest"

    async def observe(self, obj: Object, world: World, now: datetime) -> RequestSnapshot:
        """Reads the object only: nothing here waits."""
        metadata = obj["metadata"]
        spec, invalid, inactive = read_spec(self.kind, RolloutRequestSpec, obj)
        return RequestSnapshot(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            spec=spec,
            status=RolloutRequestStatus.model_validate(obj.get("status") or {}),
            invalid=invalid,
            inactive=inactive,
            deleting=bool(metadata.get("deletionTimestamp")),
        )

    def decide(self, snapshot: RequestSnapshot, now: datetime) -> Plan:
        """Pure."""
        return request.decide(snapshot, now)
