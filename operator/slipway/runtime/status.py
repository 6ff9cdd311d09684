"""Writes the status: exactly what was decided, only where it differs, and only on the version decided upon."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from slipway.core.plan import ObjectKey
from slipway.runtime.errors import ApiError, Conflict, Gone, Refused
from slipway.runtime.executor import fingerprint
from slipway.runtime.feed import Feed
from slipway.runtime.store import key_of

Object = Mapping[str, Any]
REASONS = frozenset({"ApplyRefused", "ApplyFailing", "KindNotInstalled", "InternalError"})
_MEMORY = 20_000
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # it differs at every try, and would make each a write


class StatusApi(Protocol):
    """What the writer needs of the API server."""

    async def get(self, key: ObjectKey) -> Object: ...
    async def replace_status(self, key: ObjectKey, resource_version: str, status: Object) -> Object: ...


class StatusWriter:
    """The status as one value. Conditions that say why nothing moves are the runtime's own and end with success."""

    def __init__(self, api: StatusApi, feed: Feed) -> None:
        self._api = api
        self._feed = feed
        self._written: dict[ObjectKey, tuple[bytes, bytes]] = {}

    async def write(self, obj: Object, status: Object | None, version: str | None = None) -> None:
        """Replaces the status of `obj`, as read, by `status`; None leaves it. Raises `ApiError`.

        `version` is the resourceVersion to write upon when our own writes have moved it on from that of `obj`.
        """
        current = obj.get("status") or {}
        wanted = _without_ours(json.loads(json.dumps(current if status is None else status, default=dict)))
        if wanted == current:
            return
        await self._replace(obj, current, wanted, version)

    async def report(self, obj: Object, error: Exception, now: datetime) -> None:
        """Says on the object why it does not get on; nothing is written when it says so already."""
        current = obj.get("status") or {}
        condition = _condition(obj, error, now)
        others = [each for each in _conditions(current) if each.get("type") != condition["type"]]
        same = [each for each in _conditions(current) if each.get("type") == condition["type"]]
        if same and same[0].get("status") == "True":
            condition["lastTransitionTime"] = same[0].get("lastTransitionTime", condition["lastTransitionTime"])
        if same != [condition]:
            await self._replace(obj, current, {**current, "conditions": [*others, condition]}, None)

    async def _replace(self, obj: Object, current: Object, wanted: Object, version: str | None) -> None:
        key = key_of(obj)
        digests = (fingerprint(wanted), fingerprint(current))
        if self._written.get(key) == digests:
            return  # the API server dropped a part of it last time, and would again
        try:
            answer = await self._api.replace_status(key, version or obj["metadata"]["resourceVersion"], wanted)
        except Gone:
            self._feed.vanished(key)
            return
        except Conflict:
            self._feed.seen(await self._api.get(key))
            raise
        self._feed.seen(answer)
        if len(self._written) >= _MEMORY:
            self._written.clear()
        self._written[key] = (digests[0], fingerprint(answer.get("status") or {}))


def _conditions(status: Object) -> Sequence[Object]:
    return status.get("conditions") or ()


def _without_ours(status: dict[str, Any]) -> dict[str, Any]:
    if any(each.get("reason") in REASONS for each in _conditions(status)):
        status["conditions"] = [each for each in _conditions(status) if each.get("reason") not in REASONS]
    return status


def _condition(obj: Object, error: Exception, now: datetime) -> dict[str, Any]:
    reason = error.reason if isinstance(error, ApiError) else "InternalError"
    text = str(error) if isinstance(error, ApiError) else f"{type(error).__name__}: {error}; see the operator's log"
    return {
        "type": "Stalled" if isinstance(error, Refused) or reason == "InternalError" else "Reconciling",
        "status": "True",
        "reason": reason if reason in REASONS else "ApplyFailing",
        "message": _ADDRESS.sub("", text)[:1024],
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": obj["metadata"].get("generation", 0),
    }
