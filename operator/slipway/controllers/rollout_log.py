"""How the prediction log of a rollout does: asked only where there is one."""

from __future__ import annotations

from datetime import datetime

from slipway.core.plan import Unavailable
from slipway.core.prediction_log import DROPPED, FAILING, LogHealth, log_health
from slipway.core.rollout import Snapshot
from slipway.runtime.world import World


async def logged(snapshot: Snapshot, world: World, now: datetime) -> LogHealth | Unavailable | None:
    """The health of the log; None for a rollout without a log, or without pods that could tell."""
    if snapshot.spec is None or snapshot.spec.prediction_log is None or not snapshot.status.variants:
        return None
    failing, dropped = await world.query(FAILING, now), await world.query(DROPPED, now)
    return log_health(snapshot.identity.key, failing, dropped)
