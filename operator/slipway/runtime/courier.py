"""Sends announcements beside the reconciles: at least once, one after the other for each receiver, until one is taken.

What is owed stands in the status. This keeps only what it is doing, so that a process that dies costs a repetition.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from slipway.core.plan import Deliver, ObjectKey, Outcome
from slipway.runtime.queue import backoff

log = logging.getLogger(__name__)
_AT_ONCE = 8
_MEMORY = 10_000
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 300.0


class Sends(Protocol):
    """One way to a receiver."""

    async def send(self, delivery: Deliver) -> str:
        """Why it was not taken, in words that are the same at every attempt and hold no secret; empty when it was."""


@dataclass
class _Attempt:
    """What is being done for one receiver; `until` is when the next attempt may begin, in seconds of the clock."""

    sequence: int
    failures: int = 0
    until: float = 0.0
    running: bool = False
    outcome: Outcome | None = None


class Courier:
    """`take` returns at once. After an outcome the rollout is decided anew, and finds it by `outcomes`."""

    def __init__(
        self, hooks: Sends, channels: Sends, wake: Callable[[ObjectKey], None], now: Callable[[], float]
    ) -> None:
        """`wake` has a rollout decided soon; `now` is a monotonic clock in seconds."""
        self._hooks, self._channels = hooks, channels
        self._wake, self._now = wake, now
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self._by_rollout: dict[str, set[str]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, delivery: Deliver) -> None:
        """Begins an attempt, unless one runs, is not due yet, or has succeeded."""
        which = (delivery.uid, delivery.receiver)
        known = self._attempts.get(which)
        if known is None or known.sequence != delivery.sequence:
            if known is not None and known.running:
                return
            known = self._remember(which, _Attempt(delivery.sequence))
        delivered = known.outcome is not None and known.outcome.delivered
        if known.running or delivered or self._now() < known.until:
            return
        known.running = True
        task = asyncio.create_task(self._attempt(delivery, known), name=f"deliver to {delivery.receiver}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def outcomes(self, uid: str) -> Mapping[str, Outcome]:
        """By receiver, what became of the latest attempt."""
        found = {name: self._attempts[uid, name].outcome for name in self._by_rollout.get(uid, ())}
        return {name: outcome for name, outcome in found.items() if outcome is not None}

    async def close(self) -> None:
        """Ends what runs: the next leader repeats it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _remember(self, which: tuple[str, str], attempt: _Attempt) -> _Attempt:
        if len(self._attempts) >= _MEMORY:
            idle = [each for each, known in self._attempts.items() if not known.running]
            for each in idle:
                del self._attempts[each]
                self._by_rollout[each[0]].discard(each[1])
            self._by_rollout = {uid: names for uid, names in self._by_rollout.items() if names}
        self._attempts[which] = attempt
        self._by_rollout.setdefault(which[0], set()).add(which[1])
        return attempt

    async def _attempt(self, delivery: Deliver, known: _Attempt) -> None:
        try:
            async with self._places:
                problem = await (self._hooks if delivery.url else self._channels).send(delivery)
        except Exception as error:  # of a library: its words may hold an address that is a secret
            log.warning("%s of %s: %s", delivery.receiver, delivery.rollout.name, type(error).__name__)
            problem = f"it failed with {type(error).__name__}"
        finally:
            known.running = False
        known.outcome = Outcome(delivery.sequence, not problem, problem)
        self._wake(delivery.rollout)
        if problem:
            known.failures += 1
            wait = backoff(known.failures, random.random(), base=_FIRST_WAIT, ceiling=_LONGEST_WAIT)
            known.until = self._now() + wait
            asyncio.get_running_loop().call_later(wait, self._wake, delivery.rollout)
