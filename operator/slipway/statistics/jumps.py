"""Has the share of a class jumped? An exact test of few predictions against counts of what was expected, at each look.

Fisher's exact test, one-sided (Fisher 1935): given how many of both samples fall into the class together, the number
among the newer ones is hypergeometric where both have one share. It needs no normal limit, so that 6 of 20 count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALPHA = 1e-8
"""Error probability of one look at one revision, whatever it looks at. One look each 15 s is 2.1 million a year, so
that a revision whose predictions are steady alarms falsely at most once in 47 years, whatever looks have in common."""

LEAST = 20
"""Predictions below which nothing has jumped (evidence.md)."""

ODDS, DIFFERENCE = 4.0, 0.05
"""The least effect: odds that have become so many times what they were, or less than one by so many, and a share that
has moved by five points. What is less is drift, whatever its significance: of a million predictions a move of a tenth
of a point is significant."""


@dataclass(frozen=True)
class Sample:
    """`events` of a class among so many `trials`; both are whole numbers, 0 <= events <= trials."""

    events: int
    trials: int

    @property
    def share(self) -> float:
        """Of the trials; 0 where there are none."""
        return self.events / self.trials if self.trials else 0.0

    def other(self) -> Sample:
        """The same trials, seen from all other classes."""
        return Sample(self.trials - self.events, self.trials)


def is_far(now: float, then: float) -> bool:
    """Whether a share has risen from `then` to `now` by the least effect that alarms."""
    if now - then < DIFFERENCE:
        return False
    return now * (1 - then) >= ODDS * then * (1 - now)


def chance(now: Sample, then: Sample) -> float:
    """How probable so many events of `now`, or more, are where both samples have one share: in [0, 1].

    Exact to rounding. Terms fall at least by the odds' ratio, so few of them count. Raises ValueError where events
    exceed trials or are negative.
    """
    if not (0 <= now.events <= now.trials and 0 <= then.events <= then.trials):
        raise ValueError(f"events must lie within 0 and their trials, got {now} and {then}")
    together = now.events + then.events
    if now.events * (now.trials + then.trials) <= now.trials * together:
        return 1.0  # no more than expected
    last = min(now.trials, together)
    term = math.exp(_log_probability(now.events, now.trials, together, then.trials))
    total = 0.0
    for events in range(now.events, last + 1):
        total += term
        if term <= total * 1e-17:
            break
        room = then.trials - together + events + 1
        term *= (now.trials - events) * (together - events) / ((events + 1) * room)
    return min(1.0, total)


def _log_probability(events: int, trials: int, together: int, others: int) -> float:
    """Of the hypergeometric law: events among the trials, of all that fall into the class together."""
    hits = _log_choose(trials, events) + _log_choose(others, together - events)
    return hits - _log_choose(trials + others, together)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
