"""From a kind to its path: the API server's own discovery, asked once per group and version."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.core.plan import ObjectKey
from slipway.runtime.errors import KindMissing
from slipway.runtime.kinds import BY_KIND

Discover = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]
_RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class Resource:
    """What of a kind its path is made of."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """The collection's path, or one object's; without a namespace that of all namespaces."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Paths:
    """Knows the watched kinds by heart and discovers the others."""

    def __init__(self, discover: Discover, now: Callable[[], float] = time.monotonic) -> None:
        """`discover` returns the resources of a group and version, or raises `KindMissing`."""
        self._discover = discover
        self._now = now
        self._known = {pair: Resource(each.api_version, each.plural, each.namespaced) for pair, each in BY_KIND.items()}
        self._missing: dict[str, tuple[float, str]] = {}

    async def of(self, key: ObjectKey) -> str:
        """The path of the object; raises `KindMissing`."""
        return (await self._resource(key)).path(key.namespace, key.name)

    async def collection(self, key: ObjectKey) -> str:
        """The path to which the object is posted; raises `KindMissing`."""
        return (await self._resource(key)).path(key.namespace)

    async def _resource(self, key: ObjectKey) -> Resource:
        wanted = (key.api_version, key.kind)
        if wanted not in self._known:
            await self._learn(key)
        return self._known[wanted]

    async def _learn(self, key: ObjectKey) -> None:
        at, message = self._missing.get(f"{key.api_version} {key.kind}", (float("-inf"), ""))
        if self._now() - at < _RETRY_SECONDS:
            raise KindMissing(message, key)
        try:
            for each in await self._discover(key.api_version):
                if "/" not in each["name"]:
                    found = Resource(key.api_version, each["name"], bool(each["namespaced"]))
                    self._known[key.api_version, each["kind"]] = found
            if (key.api_version, key.kind) not in self._known:
                raise KindMissing(f"the API server serves {key.api_version}, but no {key.kind} in it")
        except KindMissing as missing:
            self._missing[f"{key.api_version} {key.kind}"] = (self._now(), missing.message)
            raise KindMissing(missing.message, key) from missing
