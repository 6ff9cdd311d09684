"""What pods say of a rollout's hold-out: asked only where one is declared, and shared with all others who ask."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import datetime

from slipway.controllers.rollout_evidence import Judged
from slipway.core.evidence_queries import window
from slipway.core.holdout_evidence import Contrast, able_revisions, able_text, contrast_of, contrast_texts
from slipway.core.plan import Unavailable
from slipway.core.rollout import Snapshot
from slipway.core.rollout.holding_out import serving
from slipway.runtime.world import World

SLOT_SECONDS = 60.0
_MEMORY = 10_000


class Contrasts:
    """What was last answered of each rollout, by uid: asked once in a slot, however often it is decided. Slots are
    aligned to the clock, so that rollouts ask together; losing it costs one more question each."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], Contrast]] = {}

    async def of(
        self, snapshot: Snapshot, world: World, now: datetime, judged: Judged
    ) -> Contrast | Unavailable | None:
        """The model's answers by slice; None before it serves. What could not be read is asked for again at once."""
        stable = serving(snapshot.status)
        revision = stable.revision if stable is not None else ""
        slot = math.floor(now.timestamp() / SLOT_SECONDS)
        question = (slot, revision, snapshot.status.epoch, snapshot.positive)
        known = self._known.get(snapshot.uid)
        if known is not None and known[0] == question:
            return known[1]
        found = await _contrast(snapshot, world, now, judged)
        if found is not None and not isinstance(found, Unavailable):
            if len(self._known) >= _MEMORY:
                self._known.clear()
            self._known[snapshot.uid] = (question, found)
        return found


async def with_holdout(
    snapshot: Snapshot, world: World, now: datetime, judged: Judged, contrasts: Contrasts
) -> Snapshot:
    """The snapshot with the revisions that can hold out, and with the answers of the one that serves by slice."""
    traffic = snapshot.spec.traffic if snapshot.spec is not None else None
    if traffic is None or traffic.global_holdout is None:
        return snapshot
    able = await _able(snapshot, world, now, judged)
    return replace(snapshot, able=able, contrast=await contrasts.of(snapshot, world, now, judged))


async def _able(snapshot: Snapshot, world: World, now: datetime, judged: Judged) -> frozenset[str] | Unavailable | None:
    """None where all variants are known to be able."""
    known = snapshot.status.holdout.able if snapshot.status.holdout is not None else ()
    if all(each.revision in known for each in snapshot.status.variants):
        return None
    rollout = snapshot.identity.key
    answer = await world.query(able_text(judged.together("holdout", rollout, now)), now)
    return able_revisions(answer, rollout)


async def _contrast(snapshot: Snapshot, world: World, now: datetime, judged: Judged) -> Contrast | Unavailable | None:
    status, stable = snapshot.status, serving(snapshot.status)
    if stable is None or status.epoch_since is None:
        return None
    rollout, within = snapshot.identity.key, window((now - status.epoch_since).total_seconds())
    texts = contrast_texts(within, judged.together(f"holdout/{within}", rollout, now))
    answers = await asyncio.gather(*(world.query(text, now) for text in texts.values()))
    by_part = dict(zip(texts, answers, strict=True))
    return contrast_of(by_part, rollout, stable.revision, status.epoch, snapshot.positive)
