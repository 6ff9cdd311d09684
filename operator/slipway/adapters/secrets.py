"""Secrets of the operator's own namespace: credentials that MetricTemplates name. No other namespace is ever asked."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.errors import ApiError, Forbidden, Gone
from slipway.runtime.world import Object

REASON = "SecretUnavailable"
Contents = Mapping[str, bytes]


class Reads(Protocol):
    """The Kubernetes API, as far as it is needed here."""

    async def get(self, key: ObjectKey) -> Object: ...


class Secrets:
    """Answers, failures too, are kept for `keep` seconds: a changed Secret is used within a minute."""

    def __init__(
        self, api: Reads, namespace: str, named: Collection[str], now: Callable[[], float], keep: float = 60.0
    ) -> None:
        """`named` are those that may be read, whatever RBAC grants for other ends; `now` is a monotonic clock in
        seconds."""
        self._api, self._namespace, self._named = api, namespace, frozenset(named)
        self._now, self._keep = now, keep
        self._known: dict[str, tuple[float, asyncio.Task[Contents | Unavailable]]] = {}

    async def read(self, name: str) -> Contents | Unavailable:
        """The contents of a Secret by their keys, or what mends that there are none."""
        known = self._known.get(name)
        if known is None or self._now() - known[0] >= self._keep:
            known = self._known[name] = (self._now(), asyncio.create_task(self._ask(name)))
        return await asyncio.shield(known[1])

    async def _ask(self, name: str) -> Contents | Unavailable:
        place = f"Secret {self._namespace}/{name}"
        if name not in self._named:
            return _unnamed(place)
        try:
            live = await self._api.get(ObjectKey("v1", "Secret", self._namespace, name))
            return {key: base64.b64decode(value, validate=True) for key, value in (live.get("data") or {}).items()}
        except Gone:
            return Unavailable(REASON, f"{place} does not exist")
        except Forbidden:
            return _unnamed(place)
        except (ApiError, binascii.Error, ValueError, AttributeError) as error:
            return Unavailable(REASON, f"{place} could not be read: {error}")


def _unnamed(place: str) -> Unavailable:
    return Unavailable(REASON, f"{place} may not be read: name it in metricTemplates.secrets of the chart")
