"""The work queue: one key is never handled twice at once, and what comes twice is done once."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable

from slipway.core.plan import ObjectKey


def backoff(failures: int, jitter: float, base: float = 0.25, ceiling: float = 120.0) -> float:
    """Seconds to wait after so many failures in a row; `jitter` in [0, 1) takes off up to a half.

    Doubling with "equal jitter" (Brooker, "Exponential Backoff And Jitter", AWS 2015).
    """
    full = min(ceiling, base * 2.0 ** min(failures - 1, 30))
    return full * (1.0 - jitter / 2.0)


class WorkQueue:
    """First come, first served over keys; serial within a key; with timers and retries.

    Used from one event loop only. A key that is added while a worker holds it is handed out again afterwards,
    because the worker may have read the world before the change.
    """

    def __init__(self, now: Callable[[], float], gap: float = 0.05, rng: random.Random | None = None) -> None:
        """`gap` is the least time in seconds between two starts of one key: it turns a burst into one run."""
        self._now = now
        self._gap = gap
        self._random = rng or random.Random()
        self._ready: deque[ObjectKey] = deque()
        self._waiting: set[ObjectKey] = set()  # in _ready, or dirty while active
        self._active: set[ObjectKey] = set()
        self._due: dict[ObjectKey, float] = {}
        self._heap: list[tuple[float, int, ObjectKey]] = []
        self._order = itertools.count()
        self._failures: dict[ObjectKey, int] = {}
        self._started: dict[ObjectKey, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Keys that wait for a worker now, timers not counted."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """Keys in the hands of workers."""
        return len(self._active)

    def add(self, key: ObjectKey) -> None:
        """The key is to be handled as soon as a worker is free."""
        if key in self._waiting:
            return
        self._due.pop(key, None)
        self._waiting.add(key)
        if key not in self._active:
            self._hand_out(key)

    def add_after(self, key: ObjectKey, seconds: float) -> None:
        """The key is to be handled in so many seconds, or earlier if anything else asks for it."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._now() + seconds
        if key in self._waiting or self._due.get(key, due + 1.0) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._changed.set()

    def retry(self, key: ObjectKey) -> float:
        """The key failed: again after a growing, jittered delay, which is returned in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = backoff(failures, self._random.random())
        self.add_after(key, delay)
        return delay

    def failures(self, key: ObjectKey) -> int:
        """How often the key failed in a row."""
        return self._failures.get(key, 0)

    def succeeded(self, key: ObjectKey) -> None:
        """The key's failures are forgotten."""
        self._failures.pop(key, None)

    def forget(self, key: ObjectKey) -> None:
        """The object is gone: no timer, no memory of it."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._started.pop(key, None)

    async def get(self) -> ObjectKey:
        """The next key, when there is one; the caller must call `done` with it."""
        while (key := self.poll()) is None:
            await self._sleep()
        return key

    def poll(self) -> ObjectKey | None:
        """The next key now, or None; the caller must call `done` with it."""
        self._fire()
        if not self._ready:
            return None
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._active.add(key)
        self._due.pop(key, None)  # this run answers an older timer; its outcome sets the next one
        self._started[key] = self._now()
        return key

    def done(self, key: ObjectKey) -> None:
        """The worker let go of the key."""
        self._active.discard(key)
        if key in self._waiting:
            self._hand_out(key)

    def _hand_out(self, key: ObjectKey) -> None:
        early = self._started.get(key, float("-inf")) + self._gap - self._now()
        if early > 0:
            self._waiting.discard(key)
            self._due[key] = self._now() + early
            heapq.heappush(self._heap, (self._due[key], next(self._order), key))
        else:
            self._ready.append(key)
        self._changed.set()

    def _fire(self) -> None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:  # otherwise an entry that was superseded
                del self._due[key]
                self.add(key)

    async def _sleep(self) -> None:
        self._changed.clear()
        timeout = max(0.0, self._heap[0][0] - self._now()) if self._heap else None
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return
