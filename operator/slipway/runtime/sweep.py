"""LISTs of everything watched: the first fills the store, the later ones find what a watch has missed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from slipway.core.plan import ObjectKey
from slipway.runtime.errors import ApiError, KindMissing
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import Kind
from slipway.runtime.metrics import OBJECTS
from slipway.runtime.queue import backoff
from slipway.runtime.store import Store, key_of

log = logging.getLogger(__name__)
Page = tuple[list[Mapping[str, Any]], int]
_SETTLE = 3.0  # seconds after a relist of the watch, so that one sweep answers all of its events


class ListApi(Protocol):
    """What is needed of the API server."""

    def list(self, kind: Kind, namespace: str = "") -> AsyncIterator[Page]: ...


class Sweeper:
    """A watch that starts anew reports what exists, never what was deleted in between: a LIST tells."""

    def __init__(
        self, api: ListApi, feed: Feed, store: Store, kinds: Sequence[Kind], namespaces: Sequence[str], every: float
    ) -> None:
        """`namespaces` empty means all; `every` is the mean time between sweeps in seconds."""
        self._api, self._feed, self._store = api, feed, store
        self._kinds, self._namespaces, self._every = kinds, namespaces, every
        self._asked = asyncio.Event()
        self.primed = False
        self.missing: frozenset[str] = frozenset()

    def ask(self) -> None:
        """A sweep is wanted soon."""
        self._asked.set()

    async def sweep(self) -> None:
        """Reads everything once. Raises `ApiError`."""
        missing = []
        for kind in self._kinds:
            try:
                for namespace in self._namespaces if kind.namespaced and self._namespaces else ("",):
                    await self._sweep_kind(kind, namespace)
            except KindMissing:
                missing.append(kind.kind)
        self._store.purge_tombstones()
        OBJECTS.set(len(self._store))
        self._tell_missing(frozenset(missing))
        self.primed = True

    async def sweep_until_done(self) -> None:
        """Sweeps, again and again until the API server answers in full."""
        failures = 0
        while True:
            try:
                await self.sweep()
                return
            except ApiError as error:
                failures += 1
                delay = backoff(failures, random.random(), ceiling=30.0)
                log.warning("the objects could not be listed: %s; again in %.1f s", error, delay)
                await asyncio.sleep(delay)

    async def run(self, then: Callable[[frozenset[str]], Awaitable[None]]) -> None:
        """Sweeps for ever: at intervals, and soon after being asked; `then` hears which kinds are missing."""
        while True:
            try:
                async with asyncio.timeout(self._every * (0.8 + 0.4 * random.random())):
                    await self._asked.wait()
                await asyncio.sleep(_SETTLE)
            except TimeoutError:
                pass
            self._asked.clear()
            await self.sweep_until_done()
            await then(self.missing)

    async def _sweep_kind(self, kind: Kind, namespace: str) -> None:
        present: set[ObjectKey] = set()
        version = 0
        async for objects, listed_at in self._api.list(kind, namespace):
            version = listed_at
            for obj in objects:
                present.add(key_of(obj))
                self._feed.seen(obj)
            await asyncio.sleep(0)  # a long list must not keep the loop from answering probes
        self._feed.listed(kind, namespace, present, version)

    def _tell_missing(self, missing: frozenset[str]) -> None:
        if missing - self.missing:
            log.warning("not served by this cluster, watched as soon as they are: %s", ", ".join(sorted(missing)))
        if self.missing - missing:
            log.info("served now: %s", ", ".join(sorted(self.missing - missing)))
        self.missing = missing
