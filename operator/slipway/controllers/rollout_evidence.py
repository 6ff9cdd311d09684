"""The evidence of a rollout: shared queries, asked only while something is being judged."""

from __future__ import annotations

import asyncio
from datetime import datetime

from slipway.core.evidence import Arm, Evidence, Subject, Vector, collect, queries, window
from slipway.core.plan import Unavailable
from slipway.core.rollout import Snapshot, comparison
from slipway.runtime.world import World


async def gather(snapshot: Snapshot, world: World, now: datetime) -> Evidence | Unavailable | None:
    """Both arms of what is being judged now; None when nothing is."""
    compared = comparison(snapshot)
    if compared is None or snapshot.status.epoch_since is None:
        return None
    age = (now - snapshot.status.epoch_since).total_seconds()
    texts = queries(window(age))
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
