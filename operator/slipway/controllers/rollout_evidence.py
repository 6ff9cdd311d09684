"""The evidence of a rollout: shared queries, asked only while something is being judged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from slipway.core.evidence import Arm, Evidence, Subject, Vector, collect, queries, shard, window
from slipway.core.plan import Unavailable
from slipway.core.rollout import Snapshot, comparison
from slipway.runtime.world import World

FORGET = timedelta(seconds=60)
"""A rollout that has not asked for so long is judged no more; one that is asks every 5 or 15 seconds."""


class Judged:
    """Who is being judged now, by window class: those who asked lately. Losing it costs one more question each."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, datetime]] = {}

    def together(self, within: str, rollout: str, now: datetime) -> Sequence[str]:
        """The shard of a rollout that asks now."""
        asked = self._asked.get(within, {}) | {rollout: now}
        self._asked[within] = {name: at for name, at in asked.items() if now - at < FORGET}
        return shard(list(self._asked[within]), rollout)


async def gather(snapshot: Snapshot, world: World, now: datetime, judged: Judged) -> Evidence | Unavailable | None:
    """Both arms of what is being judged now; None when nothing is."""
    compared = comparison(snapshot)
    if compared is None or snapshot.status.epoch_since is None:
        return None
    age = (now - snapshot.status.epoch_since).total_seconds()
    within = window(age)
    texts = queries(within, judged.together(within, snapshot.identity.key, now))
    vectors = await asyncio.gather(*(world.query(text, now) for text in texts.values()))
    answers: dict[str, Vector | Unavailable] = dict(zip(texts, vectors, strict=True))
    candidate = collect(answers, compared.candidate, compared.assigned)
    stable = _other(answers, compared.stable, compared.assigned)
    if isinstance(candidate, Unavailable):
        return candidate
    if isinstance(stable, Unavailable):
        return stable
    return Evidence(candidate, stable, age, compared.assigned)


def _other(answers: dict[str, Vector | Unavailable], subject: Subject | None, assigned: bool) -> Arm | Unavailable:
    """After promotion nothing is compared with."""
    return collect(answers, subject, assigned) if subject is not None else Arm()
