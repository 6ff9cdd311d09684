"""Kubernetes Events on the objects that people look at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from slipway.core.plan import Notice, ObjectKey
from slipway.runtime.errors import ApiError
from slipway.runtime.metrics import CountedNotices

Object = Mapping[str, Any]
log = logging.getLogger(__name__)
_MEMORY = 5_000


class EventApi(Protocol):
    """What is needed of the API server."""

    async def create(self, manifest: Object, key: ObjectKey) -> Object: ...


class Notices:
    """The same words about the same object are written once in `quiet` seconds; the next one carries the count.

    An Event is news, not state: one that cannot be written is logged and dropped.
    """

    def __init__(self, api: EventApi, now: Callable[[], float], instance: str, quiet: float = 600.0) -> None:
        """`instance` names this process; `now` is a monotonic clock in seconds."""
        self._api = api
        self._now = now
        self._instance = instance
        self._quiet = quiet
        self._counted = CountedNotices()
        self._written: dict[tuple[str, str, str], tuple[float, int]] = {}

    async def post(self, obj: Object, notices: Sequence[Notice], now: datetime) -> None:
        """Writes what is new. Never raises `ApiError`."""
        for notice in notices:
            self._counted.count(obj["kind"], notice.reason)
            word = (obj["metadata"]["uid"], notice.reason, notice.message)
            at, count = self._written.get(word, (float("-inf"), 0))
            if self._now() - at < self._quiet:
                self._written[word] = (at, count + 1)
                continue
            self._remember(word)
            try:
                await self._api.create(self._event(obj, notice, count + 1, now), _event_key(obj))
            except ApiError as error:
                log.warning("an event could not be written: %s", error)

    def _remember(self, word: tuple[str, str, str]) -> None:
        if len(self._written) >= _MEMORY:
            horizon = self._now() - self._quiet
            self._written = {each: seen for each, seen in self._written.items() if seen[0] > horizon}
        self._written[word] = (self._now(), 0)

    def _event(self, obj: Object, notice: Notice, count: int, now: datetime) -> Object:
        metadata, stamp = obj["metadata"], now.strftime("%Y-%m-%dT%H:%M:%SZ")
        involved = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": _event_key(obj).namespace},
            "involvedObject": {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **involved},
            "type": notice.type,
            "reason": notice.reason,
            "message": notice.message[:1024],
            "source": {"component": "slipway", "host": self._instance},
            "reportingComponent": "slipway",
            "reportingInstance": self._instance,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": count,
        }


def _event_key(obj: Object) -> ObjectKey:
    return ObjectKey("v1", "Event", obj["metadata"].get("namespace") or "default", "")
