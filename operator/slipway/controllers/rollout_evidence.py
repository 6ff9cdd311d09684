"""The evidence of a rollout: shared queries, asked only while something is being judged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slipway.core.evidence import Arm, Evidence, Subject, Vector, collect, queries, shard, window
from slipway.core.plan import Unavailable
from slipway.core.ratio_metrics import RatioMetric, ratio_moments, ratio_texts
from slipway.core.rollout import Comparison, Snapshot, comparison
from slipway.core.rollout.asked import asked
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
    found = Evidence(candidate, stable, age, compared.assigned)
    for key, metric in asked(snapshot).items():
        found = _with(found, key, compared, await _ratio(metric, snapshot, world, now, age, judged))
    return found


async def _ratio(
    metric: RatioMetric, snapshot: Snapshot, world: World, now: datetime, age: float, judged: Judged
) -> dict[str, Vector | Unavailable]:
    """The answers to one metric that only some rollouts ask for; shared with those of them that ask alike."""
    within, own = metric.within(age), snapshot.identity.key
    rollouts = judged.together(f"{metric.key}/{within}", own, now) if metric.shared else [own]
    texts = ratio_texts(metric, within, rollouts)
    vectors = await asyncio.gather(*(world.query(text, now) for text in texts.values()))
    return dict(zip(texts, vectors, strict=True))


def _with(found: Evidence, key: str, compared: Comparison, answers: dict[str, Vector | Unavailable]) -> Evidence:
    """One ratio more in both arms. What cannot be answered concerns the gates on it, not the others."""
    arms = []
    for arm, subject in ((found.candidate, compared.candidate), (found.stable, compared.stable)):
        moments = ratio_moments(answers, subject) if subject is not None else None
        if isinstance(moments, Unavailable):
            return replace(found, missing={**found.missing, key: moments.message})
        arms.append(replace(arm, ratios={**arm.ratios, key: moments}) if moments is not None else arm)
    return replace(found, candidate=arms[0], stable=arms[1])


def _other(answers: dict[str, Vector | Unavailable], subject: Subject | None, assigned: bool) -> Arm | Unavailable:
    """After promotion nothing is compared with."""
    return collect(answers, subject, assigned) if subject is not None else Arm()
