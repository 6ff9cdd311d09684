"""What the fast alarm looks at: the classes of live answers, asked of Prometheus for a whole shard at once."""

from __future__ import annotations

import asyncio
from datetime import datetime

from slipway.controllers.rollout_evidence import Judged
from slipway.core.live_classes import Observed, observed, texts
from slipway.core.plan import Unavailable
from slipway.core.rollout import Snapshot
from slipway.core.rollout.alarming import watched
from slipway.runtime.world import World

_SHARD = "live classes"


async def live_classes(
    snapshot: Snapshot, world: World, now: datetime, judged: Judged
) -> Observed | Unavailable | None:
    """How the answers of what serves are spread over the classes; None where nobody looks."""
    asked_of = watched(snapshot)
    if asked_of is None:
        return None
    questions = texts(judged.together(_SHARD, asked_of.rollout, now))
    vectors = await asyncio.gather(*(world.query(text, now) for text in questions.values()))
    return observed(dict(zip(questions, vectors, strict=True)), asked_of)
