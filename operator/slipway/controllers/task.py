"""ModelTask: what a decision about it needs to see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from slipway.api.v1alpha1.modeltask import ModelTaskSpec, ModelTaskStatus, UsedBy
from slipway.api.v1alpha1.trainingrun import TrainingRunStatus
from slipway.controllers.reading import read_spec
from slipway.controllers.task_models import in_use
from slipway.core import task
from slipway.core.plan import Plan
from slipway.core.references import task_name
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
            if task_name(user) == metadata["name"]
        )
        status = ModelTaskStatus.model_validate(obj.get("status") or {})
        runs = world.list("TrainingRun", metadata["namespace"], {})
        evaluated = newest_evaluated(run for run in runs if task_name(run) == metadata["name"])
        used = in_use(metadata["name"], metadata["namespace"], evaluated[0] if evaluated else "", world)
        return TaskSnapshot(metadata.get("generation", 0), spec, status, invalid, inactive, users, evaluated, used)

    def decide(self, snapshot: TaskSnapshot, now: datetime) -> Plan:
        """Pure."""
        return task.decide(snapshot, now)


def newest_evaluated(runs: Iterable[Object]) -> tuple[str, TrainingRunStatus] | None:
    """Name and status of the run that was evaluated last; None where none was. One that repeats another is not."""
    told = [run for run in runs if not (run.get("spec") or {}).get("reproduces")]
    ended = [run for run in told if (run.get("status") or {}).get("endedAt") and run["status"].get("runId")]
    if not ended:
        return None
    newest = max(ended, key=lambda run: (datetime.fromisoformat(run["status"]["endedAt"]), run["metadata"]["name"]))
    return newest["metadata"]["name"], TrainingRunStatus.model_validate(newest["status"])
