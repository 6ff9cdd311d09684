"""Triggers on an administrator's metric: whether its number relates to the bound, and since when without a gap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slipway.api.v1alpha1.retrain_status import TriggerState
from slipway.api.v1alpha1.retrain_triggers import MetricTrigger
from slipway.core.evidence import Vector
from slipway.core.plan import Unavailable
from slipway.core.relations import RELATIONS


@dataclass(frozen=True)
class MetricLook:
    """One trigger on a metric at one instant, with what every look says of itself.

    Attributes:
        holds: whether the number relates to the bound as the trigger says; None where there is no number.
        length: how long it must hold without a gap.
        since: since when it has; None where it does not.
    """

    trigger: str
    holds: bool | None
    words: str = ""
    length: timedelta = timedelta()
    since: datetime | None = None
    at: datetime | None = None
    problem: Unavailable | None = None
    drifting: tuple[str, ...] = ()
    lingers: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether it has held for long enough."""
        return bool(self.holds and self.since is not None and self.at and self.at - self.since >= self.length)

    @property
    def suspected(self) -> bool:
        """Whether it holds."""
        return bool(self.holds)

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return self.holds is not None

    @property
    def suspicion(self) -> str:
        """What is suspected, for a person; the same words for as long as it lasts."""
        return f"{self.trigger}: {self.words} for less than {self.length.total_seconds():g} s"


def judged(name: str, trigger: MetricTrigger, value: float | Unavailable) -> MetricLook:
    """A number against the bound. No number is neither a reason to train nor its absence."""
    length = trigger.length.timedelta
    if isinstance(value, Unavailable):
        return MetricLook(name, None, length=length, problem=value)
    words = f"{trigger.template.name} {trigger.op} {trigger.bound}"
    return MetricLook(name, RELATIONS[trigger.op](value, float(trigger.bound.value)), words, length)


def timed(look: MetricLook, before: Iterable[TriggerState], now: datetime) -> MetricLook:
    """The look with the instant since which it has held. A gap in what is known begins it anew."""
    if not look.holds:
        return look
    known = next((each.since for each in before if each.name == look.trigger), None)
    return replace(look, since=known or now, at=now)


def summed(answers: Sequence[Vector | Unavailable], rollout: str, revision: str) -> float | Unavailable:
    """The number of one revision: the value of one answer, or the sum of the first over that of the second.

    An answer that names rollouts is of this one where it says so; all groups of entities of the revision are added up.
    """
    sums: list[float] = []
    for answer in answers:
        if isinstance(answer, Unavailable):
            return answer
        found = [
            sample.value
            for sample in answer
            if sample.labels.get("revision") == revision and sample.labels.get("rollout", rollout) == rollout
        ]
        if not found or not all(math.isfinite(value) for value in found):
            return Unavailable("NotANumber", f"the query answered {found or 'nothing'} of revision {revision}")
        sums.append(sum(found))
    if len(sums) == 1:
        return sums[0]
    if sums[1] <= 0:
        return Unavailable("NoTrials", f"nothing was counted of revision {revision} in the window")
    return sums[0] / sums[1]
