"""Calls of hooks: one POST, signed, to an address that was looked up once and found allowed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from slipway import __version__
from slipway.adapters.reach import Reach
from slipway.core.plan import Deliver, ObjectKey
from slipway.runtime.errors import ApiError, Forbidden, Gone

TOKEN = "token"
_SECONDS = 10.0


class SecretsApi(Protocol):
    """What is needed of the API server."""

    async def get(self, key: ObjectKey) -> Any: ...


async def secret_value(api: SecretsApi, delivery: Deliver, key: str) -> tuple[bytes, str]:
    """A value of the Secret that the receiver names, and why there is none. It is read anew each time, and not kept."""
    name = delivery.secret
    try:
        live = await api.get(ObjectKey("v1", "Secret", delivery.rollout.namespace, name))
    except Gone:
        return b"", f"there is no Secret {name}"
    except Forbidden:
        return b"", f"the operator may not read Secret {name} (secrets.read of the chart)"
    except ApiError:
        return b"", f"Secret {name} could not be read"
    try:
        value = b64decode((live.get("data") or {}).get(key, ""))
    except ValueError:
        value = b""
    return value, "" if value else f"Secret {name} lacks the key {key}"


def signature(token: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) in hex over the timestamp, a dot and the body: an old call cannot be sent as a new one."""
    return hmac.new(token, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class HookCalls:
    """No proxy, no redirect, no answer but its status."""

    def __init__(
        self, api: SecretsApi, reach: Reach, clock: Callable[[], float] = time.time, seconds: float = _SECONDS
    ) -> None:
        """`clock` tells Unix time in seconds; `seconds` bounds a call."""
        self._api, self._reach, self._clock, self._seconds = api, reach, clock, seconds

    async def send(self, delivery: Deliver) -> str:
        """Why the call was not taken; empty when its answer was 2xx."""
        body = json.dumps(delivery.content, sort_keys=True, separators=(",", ":")).encode()
        headers = self._headers(delivery)
        if delivery.secret:
            token, problem = await secret_value(self._api, delivery, TOKEN)
            if problem:
                return problem
            headers["X-Slipway-Signature"] = f"sha256={signature(token, headers['X-Slipway-Timestamp'], body)}"
        return await self._post(delivery.url, body, headers)

    def _headers(self, delivery: Deliver) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": f"slipway/{__version__}",
            "X-Slipway-Event": str(delivery.content["event"]),
            "X-Slipway-Delivery": f"{delivery.content['id']}-{delivery.receiver}",
            "X-Slipway-Timestamp": str(int(self._clock())),
        }

    async def _post(self, address: str, body: bytes, headers: dict[str, str]) -> str:
        try:
            url = URL(address)
            port = url.port or 0
        except ValueError:
            return "its url is none"
        host = url.host or ""
        if _is_numeric(host):  # a number is looked up nowhere, so no resolver sees it
            refusal = self._reach.refusal(host, port)
            if refusal:
                return refusal
        resolver = _Checked(self._reach)
        connector = aiohttp.TCPConnector(resolver=resolver, force_close=True, use_dns_cache=False, limit=1)
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return _judged(answer.status)
        except TimeoutError:
            return f"no answer within {self._seconds:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return resolver.refused or f"no connection ({type(error).__name__})"


def _judged(status: int) -> str:
    if 200 <= status <= 299:
        return ""
    return f"HTTP {status}: redirects are not followed" if 300 <= status <= 399 else f"HTTP {status}"


def _is_numeric(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


class _Checked(AbstractResolver):
    """Looks a name up once, and gives addresses only if all of them are allowed: the connection goes to these."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.refused = ""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = []
        for kind, _, proto, _, address in found:
            self.refused = self.refused or self._reach.refusal(str(address[0]), port)
            numeric = socket.AI_NUMERICHOST
            results.append(
                ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=numeric)
            )
        if self.refused:
            raise OSError(self.refused)
        return results

    async def close(self) -> None:
        return None
