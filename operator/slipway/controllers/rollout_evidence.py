"""The evidence of a rollout: shared queries, asked only while something is being judged."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from slipway.core.evidence import Arm, Evidence, Subject, Vector, collect
from slipway.core.evidence_queries import queries, shard, window
from slipway.core.metric_source import PointMetric, point, webhook_of
from slipway.core.missing_values import MISSING_RATE, missing_texts
from slipway.core.plan import Unavailable
from slipway.core.primary import SHARE_UNITS
from slipway.core.ratio_metrics import RatioMetric, point_text, ratio_moments, ratio_texts
from slipway.core.readings import Reading, Readings, Server
from slipway.core.rollout import Comparison, Snapshot, comparison
from slipway.core.rollout.asked import Recent, asked, judges, points, questions, recent, recent_texts
from slipway.core.rollout.metric_jobs import answer, wanted
from slipway.runtime.world import World

FORGET = timedelta(seconds=60)
"""A rollout that has not asked for so long is judged no more; one that is asks every 5 or 15 seconds."""

Answers = dict[str, Vector | Unavailable]


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
    """Both arms of what is being judged now; None when nothing is.

    Servers are asked at the same time, so that several that say nothing hold up a decision no longer than one.
    """
    compared, since = comparison(snapshot), snapshot.status.epoch_since
    if compared is None or since is None:
        return None
    inquiry = _Inquiry(snapshot, compared, (now - since).total_seconds(), world, now, judged)
    found = await inquiry.since_the_epoch()
    if isinstance(found, Unavailable):
        return found
    ratios, numbers, lengths = asked(snapshot), points(snapshot), recent(snapshot)
    of_ratios, of_numbers, windows = await asyncio.gather(
        asyncio.gather(*(inquiry.ratio(metric, metric.within(inquiry.age)) for metric in ratios.values())),
        asyncio.gather(*(inquiry.point(number) for number in numbers.values())),
        asyncio.gather(*(inquiry.window(seconds, needs) for seconds, needs in lengths.items())),
    )
    for key, answers in zip(ratios, of_ratios, strict=True):
        found = inquiry.with_ratio(found, key, answers)
    for key, answer_to_it in zip(numbers, of_numbers, strict=True):
        found = inquiry.with_point(found, key, answer_to_it)
    found = await _with_readings(found, snapshot, inquiry)
    return replace(found, windows=dict(zip(lengths, windows, strict=True)))


async def _with_readings(found: Evidence, snapshot: Snapshot, inquiry: _Inquiry) -> Evidence:
    """What webhooks and Jobs say: asked at once, so that many take no longer than one."""
    jobs = {job.key: job for job in wanted(snapshot)}
    asked_of = questions(snapshot)

    async def ask(key: str) -> Readings | Unavailable:
        template, question = asked_of[key]
        hook = webhook_of(template)
        if hook is not None:
            return await inquiry.world.ask(hook, question, inquiry.now)
        return answer(snapshot, jobs[key], inquiry.now)

    answers = await asyncio.gather(*(ask(key) for key in asked_of))
    for (key, (template, _)), said in zip(asked_of.items(), answers, strict=True):
        found = inquiry.with_readings(found, key, said, template.unit in SHARE_UNITS)
    return found


@dataclass(frozen=True)
class _Inquiry:
    """One rollout's questions at one instant; `age` is that of its epoch in seconds.

    `turns`: one server is asked one thing after the other, whose waiting would else outlast its patience.
    """

    snapshot: Snapshot
    compared: Comparison
    age: float
    world: World
    now: datetime
    judged: Judged
    turns: dict[Server | None, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def since_the_epoch(self) -> Evidence | Unavailable:
        """The built-in sums of both arms."""
        within = window(self.age)
        texts = queries(within, self._together(within))
        if judges(self.snapshot, MISSING_RATE):
            texts = {**texts, **missing_texts(self.age, [self.snapshot.identity.key])}
        return self._both(await self._ask(texts))

    async def window(self, seconds: float, wanted: Recent) -> Evidence | Unavailable:
        """What the latest window alone brought, as far as gates judge it."""
        within = window(self.age)
        rollouts = self._together(f"{within}/{seconds:g}s")
        texts = recent_texts(wanted, within, seconds, rollouts)
        if judges(self.snapshot, MISSING_RATE, seconds):
            texts |= missing_texts(seconds, rollouts)
        own, *others = await asyncio.gather(
            self._ask(texts), *(self.ratio(metric, f"{seconds:g}s") for metric in wanted.ratios.values())
        )
        found = self._both(own)
        for key, answers in zip(wanted.ratios, others, strict=True):
            if isinstance(found, Evidence):
                found = self.with_ratio(found, key, answers)
        return found

    async def ratio(self, metric: RatioMetric, within: str) -> Answers:
        """The answers to one metric that only some rollouts ask for; shared with those of them that ask alike."""
        rollouts = self._together(f"{metric.key}/{within}") if metric.shared else [self.snapshot.identity.key]
        return await self._ask(ratio_texts(metric, within, rollouts), metric.server)

    async def point(self, metric: PointMetric) -> Vector | Unavailable:
        """The answer to a bare number's text."""
        return (await self._ask({"": point_text(metric, [self.snapshot.identity.key])}, metric.server))[""]

    def with_ratio(self, found: Evidence, key: str, answers: Answers) -> Evidence:
        """One ratio more in both arms. What cannot be answered concerns the gates on it, not the others."""
        arms = []
        for arm, subject in self._arms(found):
            moments = ratio_moments(answers, subject) if subject is not None else None
            if isinstance(moments, Unavailable):
                return replace(found, missing={**found.missing, key: moments.message})
            arms.append(replace(arm, ratios={**arm.ratios, key: moments}) if moments is not None else arm)
        return replace(found, candidate=arms[0], stable=arms[1])

    def with_point(self, found: Evidence, key: str, answer: Vector | Unavailable) -> Evidence:
        """One bare number more. That stable has none concerns what is compared with it alone."""
        arms: list[Arm] = []
        missing = dict(found.missing)
        for arm, subject in self._arms(found):
            value = point(answer, subject) if subject is not None else None
            if isinstance(value, Reading):
                arm = replace(arm, points={**arm.points, key: value})
            elif value is not None and not arms:
                missing[key] = value.message
            arms.append(arm)
        return replace(found, candidate=arms[0], stable=arms[1], missing=missing)

    def with_readings(self, found: Evidence, key: str, said: Readings | Unavailable, share: bool) -> Evidence:
        """One answer of a webhook or a Job. What is no share of events is a number of the moment."""
        if isinstance(said, Unavailable):
            return replace(found, missing={**found.missing, key: said.message})
        arms: list[Arm] = []
        missing = dict(found.missing)
        for arm, subject in self._arms(found):
            reading = said.of.get(subject.revision) if subject is not None else None
            if reading is not None and reading.events is not None and not share:
                reading = reading.ratio()
            if reading is None and not arms:
                missing[key] = f"the answer says nothing of revision {self.compared.candidate.revision}"
            arms.append(replace(arm, points={**arm.points, key: reading}) if reading is not None else arm)
        return replace(found, candidate=arms[0], stable=arms[1], missing=missing)

    def _arms(self, found: Evidence) -> tuple[tuple[Arm, Subject | None], ...]:
        return (found.candidate, self.compared.candidate), (found.stable, self.compared.stable)

    def _both(self, answers: Answers) -> Evidence | Unavailable:
        """After promotion nothing is compared with."""
        assigned, other = self.compared.assigned, self.compared.stable
        candidate = collect(answers, self.compared.candidate, assigned)
        stable = collect(answers, other, assigned) if other is not None else Arm()
        for arm in (candidate, stable):
            if isinstance(arm, Unavailable):
                return arm
        assert isinstance(candidate, Arm)
        assert isinstance(stable, Arm)
        return Evidence(candidate, stable, self.age, assigned)

    def _together(self, within: str) -> Sequence[str]:
        return self.judged.together(within, self.snapshot.identity.key, self.now)

    async def _ask(self, texts: Mapping[str, str], server: Server | None = None) -> Answers:
        other = {} if server is None else {"server": server}
        async with self.turns[server]:
            vectors = await asyncio.gather(*(self.world.query(text, self.now, **other) for text in texts.values()))
        return dict(zip(texts, vectors, strict=True))
