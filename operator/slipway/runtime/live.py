"""The world as a running operator sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.store import Store
from slipway.runtime.world import ModelVersion, Object, Sample, Settings


class Queries(Protocol):
    """Prometheus."""

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable: ...


class Registry(Protocol):
    """MLflow."""

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable: ...

    async def model_run(self, uri: str) -> Unavailable | None: ...

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable: ...


class LiveWorld:
    """`World` over the store and the two services."""

    def __init__(self, settings: Settings, store: Store, queries: Queries, registry: Registry) -> None:
        self.settings = settings
        self._store, self._queries, self._registry = store, queries, registry

    def get(self, key: ObjectKey) -> Object | None:
        """The cached object, or None."""
        return self._store.get(key)

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """Cached objects of a watched kind that carry all `labels`, by name."""
        return self._store.list(kind, namespace, labels)

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        """An instant query, shared within a tick."""
        return await self._queries.query(promql, now)

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        """A version or alias, resolved."""
        return await self._registry.model_version(name, version, alias)

    async def model_run(self, uri: str) -> Unavailable | None:
        """Whether a run's model may be taken."""
        return await self._registry.model_run(uri)

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        """The tags of a run."""
        return await self._registry.run_tags(run)
