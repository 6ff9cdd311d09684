"""The world as a running operator sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from slipway.core.plan import ObjectKey, Outcome, Unavailable
from slipway.core.readings import Question, Readings, Server, Webhook
from slipway.runtime.store import Store
from slipway.runtime.world import ModelVersion, Object, Sample, Settings


class Queries(Protocol):
    """Prometheus."""

    async def query(
        self, promql: str, now: datetime, server: Server | None = None
    ) -> Sequence[Sample] | Unavailable: ...


class Hooks(Protocol):
    """Webhooks of MetricTemplates."""

    async def ask(self, hook: Webhook, question: Question, now: datetime) -> Readings | Unavailable: ...

    def heard(self, template: str) -> Readings | Unavailable | None: ...


class Registry(Protocol):
    """MLflow."""

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable: ...

    async def model_run(self, uri: str) -> Unavailable | None: ...

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable: ...


class Contents(Protocol):
    """Secrets and ConfigMaps that are not watched."""

    async def digests(self, key: ObjectKey) -> Mapping[str, str] | Unavailable | None: ...


class Couriers(Protocol):
    """Whoever sends announcements."""

    def outcomes(self, uid: str) -> Mapping[str, Outcome]: ...


class LiveWorld:
    """`World` over the store, the services, and what is read by its name."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        queries: Queries,
        hooks: Hooks,
        registry: Registry,
        contents: Contents,
        courier: Couriers,
    ) -> None:
        self.settings = settings
        self._store, self._queries, self._hooks = store, queries, hooks
        self._registry, self._contents, self._courier = registry, contents, courier

    def get(self, key: ObjectKey) -> Object | None:
        """The cached object, or None."""
        return self._store.get(key)

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """Cached objects of a watched kind that carry all `labels`, by name."""
        return self._store.list(kind, namespace, labels)

    async def query(self, promql: str, now: datetime, server: Server | None = None) -> Sequence[Sample] | Unavailable:
        """An instant query, shared within a tick."""
        return await self._queries.query(promql, now, server)

    async def ask(self, hook: Webhook, question: Question, now: datetime) -> Readings | Unavailable:
        """What a webhook answered last."""
        return await self._hooks.ask(hook, question, now)

    def heard(self, template: str) -> Readings | Unavailable | None:
        """How the last question of a MetricTemplate to its webhook ended."""
        return self._hooks.heard(template)

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        """A version or alias, resolved."""
        return await self._registry.model_version(name, version, alias)

    async def model_run(self, uri: str) -> Unavailable | None:
        """Whether a run's model may be taken."""
        return await self._registry.model_run(uri)

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        """The tags of a run."""
        return await self._registry.run_tags(run)

    async def content_digests(self, key: ObjectKey) -> Mapping[str, str] | Unavailable | None:
        """The keyed digests of what a Secret or ConfigMap holds."""
        return await self._contents.digests(key)

    def outcomes(self, uid: str) -> Mapping[str, Outcome]:
        """What became of announcements that were handed over."""
        return self._courier.outcomes(uid)
