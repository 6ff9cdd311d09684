"""One reconcile: observe, decide, act, status. Everything else is somebody else's business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.core.plan import ObjectKey
from slipway.runtime.clock import Clock
from slipway.runtime.executor import Executor
from slipway.runtime.notices import Notices
from slipway.runtime.status import StatusWriter
from slipway.runtime.world import Controller, World


class Reconciler:
    """Runs the controller of a key's kind over a snapshot; keeps nothing from one run to the next."""

    def __init__(
        self,
        controllers: Mapping[str, Controller[Any]],
        world: World,
        clock: Clock,
        executor: Executor,
        status: StatusWriter,
        notices: Notices,
    ) -> None:
        """`controllers` by kind."""
        self._controllers = controllers
        self._world, self._clock = world, clock
        self._executor, self._status, self._notices = executor, status, notices

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Returns after how many seconds the key wants to be decided again; raises `ApiError`."""
        obj = self._world.get(key)
        if obj is None:
            return None
        controller, now = self._controllers[key.kind], self._clock.now()
        plan = controller.decide(await controller.observe(obj, self._world, now), now)
        followed = await self._executor.run(plan.actions)
        version = followed.get((key, obj["metadata"]["resourceVersion"]))
        await self._status.write(obj, plan.status, version)
        await self._notices.post(obj, plan.notices, now)
        return plan.requeue_after
