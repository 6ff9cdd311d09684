"""One process of the operator: what starts, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf

from slipway import handlers
from slipway.adapters.channels import Channels
from slipway.adapters.contents import Contents, DigestKey
from slipway.adapters.hooks import HookCalls
from slipway.adapters.kubernetes_api import KubernetesApi, configuration
from slipway.adapters.lease_api import BlockingLease, blocking_configuration
from slipway.adapters.mlflow import MLflow
from slipway.adapters.prometheus_servers import PrometheusServers
from slipway.adapters.reach import Reach, networks
from slipway.adapters.secrets import Secrets
from slipway.adapters.webhook import Webhooks
from slipway.runtime.clock import SystemClock
from slipway.runtime.courier import Courier
from slipway.runtime.discovery import Discovery
from slipway.runtime.dispatcher import Dispatcher
from slipway.runtime.executor import Executor
from slipway.runtime.feed import Feed
from slipway.runtime.health import Health
from slipway.runtime.kinds import WATCHED, Kind
from slipway.runtime.lease import Lease
from slipway.runtime.live import LiveWorld
from slipway.runtime.metrics import LEADER, OBJECTS, QUEUE_DEPTH, show_drift, show_rollouts
from slipway.runtime.notices import Notices
from slipway.runtime.options import Options
from slipway.runtime.queue import WorkQueue
from slipway.runtime.reconciler import Reconciler
from slipway.runtime.status import StatusWriter
from slipway.runtime.store import Store
from slipway.runtime.sweep import Sweeper
from slipway.runtime.world import Controller

LEASE_NAME = "slipway-operator"
GRACE = 10.0  # seconds for running reconciles at the end; the pod's grace period must be longer
Install = Callable[[kopf.OperatorRegistry, kopf.OperatorSettings], None]
log = logging.getLogger(__name__)


class Application:
    """Primes the store, then stands for election; follows warm, leads with a fresh LIST.

    A leader starts from a LIST made after the lease was won: the writes of the one before are all in it.
    """

    def __init__(
        self, options: Options, controllers: Sequence[Controller[Any]], kinds: Sequence[Kind] = WATCHED
    ) -> None:
        self._options, self._kinds = options, kinds
        self._controllers: Mapping[str, Controller[Any]] = {each.kind: each for each in controllers}
        self._clock = SystemClock()
        self._store = Store(self._clock.monotonic)
        self._stop = asyncio.Event()
        self._acquired = asyncio.Event()
        self._kopf_stop = asyncio.Event()

    async def run(self, install: Install | None = None) -> int:
        """Runs until SIGTERM or a failure; returns the exit code. `install` adds admission handlers to kopf."""
        await self._assemble()
        port = await self._health.start(self._options.port)
        log.info("probes and metrics on port %d", port)
        registry, settings = handlers.registry(self._kinds, self._feed, self._sweeper), handlers.settings(self._kinds)
        if install is not None:
            install(registry, settings)
        discovery = Discovery(self._kinds, registry, settings)
        kopf_task = asyncio.create_task(self._watch(registry, settings, discovery), name="kopf")
        lead_task = asyncio.create_task(self._prime_and_lead(discovery), name="lead")
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait({kopf_task, lead_task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return await self._shut_down(kopf_task, lead_task)

    async def _assemble(self) -> None:
        options, clock, loop = self._options, self._clock, asyncio.get_running_loop()
        lease_api = BlockingLease(
            await asyncio.to_thread(blocking_configuration),
            options.lease_namespace,
            LEASE_NAME,
            timeout=max(0.5, (options.durations.renew_deadline - options.durations.retry) / 2),
        )

        def acquired() -> None:
            loop.call_soon_threadsafe(self._acquired.set)

        self._lease = Lease(lease_api, options.identity, acquired, options.durations)
        self._api = KubernetesApi(await configuration(), self._lease.fence)
        self._queue = WorkQueue(clock.monotonic)
        self._feed = Feed(self._store, self._queue, self._controllers)
        self._sweeper = Sweeper(
            self._api, self._feed, self._store, self._kinds, options.namespaces, every=options.resync
        )
        secrets = Secrets(self._api, options.lease_namespace, options.metric_secrets, clock.monotonic)
        self._prometheus = PrometheusServers(options.settings.prometheus, secrets)
        self._webhooks = Webhooks(secrets, clock.monotonic)
        self._mlflow = MLflow(options.settings.mlflow, clock.monotonic, login=options.mlflow_login)
        key = DigestKey(self._api, options.lease_namespace, options.digest_key)
        contents = Contents(self._api, key, clock.monotonic)
        self._courier = await self._send_by(options)
        world = LiveWorld(
            options.settings, self._store, self._prometheus, self._webhooks, self._mlflow, contents, self._courier
        )
        executor = Executor(self._api, self._store, self._feed, self._kinds, self._mlflow, self._courier)
        status = StatusWriter(self._api, self._feed)
        notices = Notices(self._api, clock.monotonic, options.identity)
        reconciler = Reconciler(self._controllers, world, clock, executor, status, notices)
        self._dispatcher = Dispatcher(self._queue, reconciler, status, self._store, clock, resync=options.resync)
        self._health = Health(self._live, self._ready, self._gauges)

    async def _send_by(self, options: Options) -> Courier:
        """Whoever tells receivers; the API server is none of them."""
        servers = await self._api.addresses()
        reach = Reach(networks(options.outbound_allow), networks(options.outbound_deny), servers)
        hooks, channels = HookCalls(self._api, reach), Channels(self._api, reach)
        return Courier(hooks, channels, self._queue.add, self._clock.monotonic)

    async def _watch(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, discovery: Discovery
    ) -> None:
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=settings,
            insights=discovery.insights,
            vault=discovery.vault,
            standalone=True,
            clusterwide=not self._options.namespaces,
            namespaces=self._options.namespaces,
            stop_flag=self._kopf_stop,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)  # instead of kopf's: the workers end first
        await kopf.run_tasks(tasks, ignored=asyncio.all_tasks() - set(tasks))

    async def _prime_and_lead(self, discovery: Discovery) -> None:
        await self._sweeper.sweep_until_done()
        log.info("primed: %d objects", len(self._store))
        self._lease.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweeper.run(discovery.complete), name="sweep")
            await self._acquired.wait()
            await self._sweeper.sweep_until_done()
            self._feed.enqueue_all()
            self._dispatcher.start(self._options.workers)

    async def _shut_down(self, kopf_task: asyncio.Task[None], lead_task: asyncio.Task[None]) -> int:
        failed = [task for task in (kopf_task, lead_task) if task.done() and not task.cancelled()]
        for task in failed:
            log.error("%s ended", task.get_name(), exc_info=task.exception())
        log.info("stopping")
        await self._dispatcher.stop(GRACE)
        await self._courier.close()
        if self._lease.alive:
            await asyncio.to_thread(self._lease.release)
        lead_task.cancel()
        self._kopf_stop.set()
        await asyncio.wait({kopf_task, lead_task}, timeout=GRACE)
        await self._health.stop()
        await self._prometheus.close()
        await self._webhooks.close()
        await self._mlflow.close()
        await self._api.close()
        return 1 if failed else 0

    def _live(self) -> Mapping[str, bool | str]:
        return {"lease": self._lease.alive or not self._sweeper.primed}

    def _ready(self) -> Mapping[str, bool | str]:
        missing = ", ".join(sorted(self._sweeper.missing))
        return {"primed": self._sweeper.primed, "lease": self._lease.alive, "kindsNotInstalled": missing}

    def _gauges(self) -> None:
        QUEUE_DEPTH.set(len(self._queue))
        OBJECTS.set(len(self._store))
        LEADER.set(self._lease.leading)
        # Of the leader only: a sum over replicas would count an object twice.
        show_drift(self._store.list("RetrainPolicy") if self._lease.leading else ())
        show_rollouts(self._store.every("ModelRollout") if self._lease.leading else ())
