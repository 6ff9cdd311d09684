"""ModelTask: what a decision about it needs to see."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.modeltask import ModelTaskSpec, ModelTaskStatus, UsedBy
from slipway.controllers.reading import read_spec
from slipway.core import task
from slipway.core.plan import Plan
from slipway.core.task import TaskSnapshot
from slipway.runtime.world import Object, World

_USERS = ("ModelRollout", "TrainingRun")


class TaskController:
    """Observes a ModelTask and the objects that refer to it."""

    kind = "ModelTask"

    async def observe(self, obj: Object, world: World, now: datetime) -> TaskSnapshot:
        """Reads the cache only: nothing here waits."""
        metadata = obj["metadata"]
        spec, invalid, inactive = read_spec(self.kind, ModelTaskSpec, obj)
        users = tuple(
            UsedBy(kind=kind, name=user["metadata"]["name"])
            for kind in _USERS
            for user in world.list(kind, metadata["namespace"], {})
            if ((user.get("spec") or {}).get("taskRef") or {}).get("name") == metadata["name"]
        )
        status = ModelTaskStatus.model_validate(obj.get("status") or {})
        return TaskSnapshot(metadata.get("generation", 0), spec, status, invalid, inactive, users)

    def decide(self, snapshot: TaskSnapshot, now: datetime) -> Plan:
        """Pure."""
        return task.decide(snapshot, now)
