"""The workers: take a key, have it reconciled, and see to what comes next."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Protocol

from slipway.core.plan import ObjectKey
from slipway.runtime.clock import Clock
from slipway.runtime.errors import ApiError, Conflict, NotLeader, Refused
from slipway.runtime.metrics import ERRORS, RECONCILE_SECONDS
from slipway.runtime.queue import WorkQueue
from slipway.runtime.status import StatusWriter
from slipway.runtime.store import Store

log = logging.getLogger(__name__)
PATIENCE = 3  # failures in a row before a person is told of what may yet pass by itself


class Reconciles(Protocol):
    """The reconciler, as the dispatcher sees it."""

    async def reconcile(self, key: ObjectKey) -> float | None: ...


class Dispatcher:
    """A bounded number of workers over one queue; a failure of one key is no failure of another."""

    def __init__(
        self,
        queue: WorkQueue,
        reconciler: Reconciles,
        status: StatusWriter,
        store: Store,
        clock: Clock,
        resync: float = 300.0,
        timeout: float = 120.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`resync` is the mean time in seconds until a quiet key is decided again; `timeout` bounds a reconcile."""
        self._queue, self._reconciler, self._status = queue, reconciler, status
        self._store, self._clock = store, clock
        self._resync, self._timeout, self._jitter = resync, timeout, jitter
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self, workers: int) -> None:
        """Starts the workers; called once, on becoming the leader."""
        self._workers = [asyncio.create_task(self._work(), name=f"worker {number}") for number in range(workers)]

    async def stop(self, grace: float) -> None:
        """Lets running reconciles end, for at most `grace` seconds; what is cut off is taken up by the next leader."""
        self._stopping = True
        deadline = self._clock.monotonic() + grace
        while self._queue.active and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self) -> None:
        while not self._stopping:
            key = await self._queue.get()
            try:
                if not self._stopping:
                    await self.handle(key)
            finally:
                self._queue.done(key)

    async def handle(self, key: ObjectKey) -> None:
        """Reconciles one key and arranges for the next time."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                wish = await self._reconciler.reconcile(key)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # What the reconcile waited for was cancelled, not the worker: it must not end with it, unnoticed.
            await self._failed(key, RuntimeError("what it waited for was cancelled"))
        except Exception as error:
            await self._failed(key, error)
        else:
            self._queue.succeeded(key)
            self._again(key, wish)
        finally:
            RECONCILE_SECONDS.labels(key.kind).observe(time.perf_counter() - started)

    def _again(self, key: ObjectKey, wish: float | None) -> None:
        if self._store.get(key) is None:
            self._queue.forget(key)
            return
        resync = self._resync * (0.8 + 0.4 * self._jitter())
        self._queue.add_after(key, resync if wish is None else min(wish, resync))

    async def _failed(self, key: ObjectKey, error: Exception) -> None:
        delay = self._queue.retry(key)
        failures = self._queue.failures(key)
        ERRORS.labels(key.kind, getattr(error, "reason", type(error).__name__)).inc()
        place = f"{key.kind} {key.namespace}/{key.name}"
        if isinstance(error, Conflict | NotLeader):
            log.info("%s: %s; again in %.1f s", place, error, delay)
            return
        known = isinstance(error, ApiError | TimeoutError)
        log.warning("%s: %s; again in %.1f s", place, error or "timed out", delay, exc_info=None if known else error)
        if isinstance(error, Refused) or failures > PATIENCE:
            await self._tell(key, error)

    async def _tell(self, key: ObjectKey, error: Exception) -> None:
        obj = self._store.get(key)
        if obj is None:
            return
        try:
            await self._status.report(obj, error, self._clock.now())
        except Exception as second:
            log.warning("%s %s/%s: the status could not say so: %s", key.kind, key.namespace, key.name, second)
