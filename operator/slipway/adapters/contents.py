"""Secrets and ConfigMaps that somebody names, as keyed digests: their data is read, hashed and forgotten.

There is no watch, for a right to watch or list Secrets is a right to read all of them: what is named is looked at by
its name, its metadata first, and its data only where its resourceVersion moved.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.errors import ApiError, Conflict, Forbidden, Gone

Object = Mapping[str, Any]
Digests = Mapping[str, str]
FORBIDDEN, UNAVAILABLE, KEY_MISSING = "ReferenceForbidden", "ReferenceUnavailable", "DigestKeyMissing"
_KEY = "key"
_KEY_BYTES = 32
_MEMORY = 20_000
log = logging.getLogger(__name__)


class ContentsApi(Protocol):
    """What is needed of the API server."""

    async def get(self, key: ObjectKey) -> Object: ...
    async def get_metadata(self, key: ObjectKey) -> Object: ...
    async def set_data(self, key: ObjectKey, resource_version: str, data: Mapping[str, str]) -> Object: ...


@dataclass(frozen=True)
class _Known:
    """What was seen of an object. `digests` is None where there was none; `asked` is in seconds of the clock."""

    asked: float
    version: str
    digests: Digests | None


class DigestKey:
    """The key of all digests: 32 random bytes in a Secret of the installation, written once by whoever finds none.

    Without a key, or with one that stands in a status, a short password could be guessed from its digest.
    """

    def __init__(self, api: ContentsApi, namespace: str, name: str) -> None:
        """The chart makes the Secret empty, so that the operator needs no right to create any."""
        self._api = api
        self._place = ObjectKey("v1", "Secret", namespace, name)
        self._bytes = b""

    async def read(self) -> bytes:
        """Raises `ApiError`."""
        if not self._bytes:
            live = await self._api.get(self._place)
            held = b64decode((live.get("data") or {}).get(_KEY, ""))
            self._bytes = held if len(held) >= _KEY_BYTES else await self._made(live)
        return self._bytes

    async def _made(self, live: Object) -> bytes:
        new = secrets.token_bytes(_KEY_BYTES)
        await self._api.set_data(self._place, live["metadata"]["resourceVersion"], {_KEY: b64encode(new).decode()})
        log.info("a key for digests was made in Secret %s/%s", self._place.namespace, self._place.name)
        return new

    def __str__(self) -> str:
        return f"Secret {self._place.namespace}/{self._place.name}"


class Contents:
    """Digests of what is named. Each object is looked at every `fresh` seconds at most, and of those that are known no
    more than `rate` a second: with very many of them a change is seen later, and the API server is not asked more."""

    def __init__(
        self, api: ContentsApi, key: DigestKey, now: Callable[[], float], fresh: float = 25.0, rate: int = 20
    ) -> None:
        """`now` is a monotonic clock in seconds."""
        self._api, self._key, self._now = api, key, now
        self._fresh, self._rate = fresh, rate
        self._known: dict[ObjectKey, _Known] = {}
        self._looks: deque[float] = deque(maxlen=rate)

    async def digests(self, key: ObjectKey) -> Digests | Unavailable | None:
        """The keyed digest of each value of a Secret or ConfigMap; None where there is no such object."""
        known = self._known.get(key)
        if known is not None and (self._now() - known.asked < self._fresh or not self._may_look()):
            return known.digests
        try:
            return self._remember(key, await self._look(key, known))
        except Forbidden as refused:
            self._known.pop(key, None)
            message = (
                f"the operator may not read {key.kind} {key.name}: {refused.message}; see secrets.read of the chart"
            )
            return Unavailable(FORBIDDEN, message)
        except (ApiError, ValueError) as error:
            if known is not None:
                return known.digests
            return self._unavailable(key, error)

    def _unavailable(self, key: ObjectKey, error: Exception) -> Unavailable:
        if isinstance(error, Gone):
            message = (
                f"{self._key}, whose key the digest of {key.kind} {key.name} needs, does not exist: the chart has it"
            )
            return Unavailable(KEY_MISSING, message)
        return Unavailable(UNAVAILABLE, f"{key.kind} {key.name} could not be read: {error}")

    def _may_look(self) -> bool:
        full = len(self._looks) == self._rate
        if full and self._now() - self._looks[0] < 1.0:
            return False
        self._looks.append(self._now())
        return True

    def _remember(self, key: ObjectKey, seen: _Known) -> Digests | None:
        if len(self._known) >= _MEMORY:
            self._known.clear()
        self._known[key] = seen
        return seen.digests

    async def _look(self, key: ObjectKey, known: _Known | None) -> _Known:
        try:
            if known is not None and known.digests is not None:
                version = _version(await self._api.get_metadata(key))
                if version == known.version:
                    return _Known(self._now(), version, known.digests)
            live = await self._api.get(key)
        except Gone:
            return _Known(self._now(), "", None)
        secret = await self._hmac_key()
        values = {**(live.get("data") or {}), **{name: ["binary", text] for name, text in _binary(live).items()}}
        digests = {
            name: _digest(secret, [key.kind, key.namespace, key.name, name, each]) for name, each in values.items()
        }
        return _Known(self._now(), _version(live), digests)

    async def _hmac_key(self) -> bytes:
        try:
            return await self._key.read()
        except Conflict:  # another process has made it in between
            return await self._key.read()


def _version(obj: Object) -> str:
    metadata = obj["metadata"]
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"


def _binary(obj: Object) -> Mapping[str, str]:
    """`binaryData` of a ConfigMap."""
    found: Mapping[str, str] = obj.get("binaryData") or {}
    return found


def _digest(key: bytes, parts: list[Any]) -> str:
    """HMAC-SHA256 (RFC 2104), over place and value: equal values of two places have different digests."""
    return hmac.new(key, json.dumps(parts, separators=(",", ":")).encode(), hashlib.sha256).hexdigest()
