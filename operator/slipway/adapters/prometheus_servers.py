"""The installation's Prometheus, and those that MetricTemplates name, each with its own credentials."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from slipway.adapters.credentials import NOBODY, Credentials, credentials
from slipway.adapters.prometheus import Answer, Prometheus
from slipway.core.plan import Unavailable
from slipway.core.readings import Server

FORGET = 3600.0
"""Seconds; a server that is used is asked at least every minute."""


class SecretReader(Protocol):
    """Secrets of the operator's namespace."""

    async def read(self, name: str) -> Mapping[str, bytes] | Unavailable: ...


class PrometheusServers:
    """One client for each server; changed credentials make a new one, and one that nobody asks any more goes."""

    def __init__(self, address: str, secrets: SecretReader, clock: Callable[[], float] = time.monotonic) -> None:
        """`address` is the installation's; `clock` is a monotonic one in seconds."""
        self._address, self._secrets, self._clock = address, secrets, clock
        self._own = Prometheus(address)
        self._clients: dict[Server, tuple[Credentials, Prometheus]] = {}
        self._asked_at: dict[Server, float] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    async def query(self, promql: str, now: datetime, server: Server | None = None) -> Answer:
        """The instant vector of a server, shared within a tick, or why there is none."""
        if server is None:
            return await self._own.query(promql, now)
        found = await self._credentials(server)
        if isinstance(found, Unavailable):
            return found
        self._asked_at[server] = self._clock()
        known = self._clients.get(server)
        if known is None or known[0] != found:
            self._retire(server)
            self._forget()
            known = self._clients[server] = (found, Prometheus(server.address or self._address, credentials=found))
        return await known[1].query(promql, now)

    def _forget(self) -> None:
        """A template's address that was changed, or a template that is gone, leaves threads behind."""
        for server in [each for each, at in self._asked_at.items() if self._clock() - at > FORGET]:
            del self._asked_at[server]
            self._retire(server)

    def _retire(self, server: Server) -> None:
        known = self._clients.pop(server, None)
        if known is not None:
            task = asyncio.create_task(known[1].retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _credentials(self, server: Server) -> Credentials | Unavailable:
        if not server.secret:
            return NOBODY
        contents = await self._secrets.read(server.secret)
        return contents if isinstance(contents, Unavailable) else credentials(contents, server.secret)

    async def close(self) -> None:
        """Ends the threads of all clients."""
        for client in (self._own, *(client for _, client in self._clients.values())):
            await client.close()
