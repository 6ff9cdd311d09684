"""Probes and metrics over HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import generate_latest

from slipway.runtime.metrics import REGISTRY

Checks = Callable[[], Mapping[str, bool | str]]


class Health:
    """/healthz answers while the event loop turns, /readyz when every check holds, /metrics always."""

    def __init__(self, live: Checks, ready: Checks, before_scrape: Callable[[], None]) -> None:
        """`before_scrape` refreshes the gauges."""
        self._live, self._ready, self._before_scrape = live, ready, before_scrape
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listens on all addresses; returns the port, which a 0 leaves to the system."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        listener = _listener(port)
        await web.SockSite(self._runner, listener).start()
        return int(listener.getsockname()[1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._live())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _metrics(self, _: web.Request) -> web.Response:
        self._before_scrape()
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"})


def _answer(checks: Mapping[str, bool | str]) -> web.Response:
    fine = all(value for value in checks.values() if isinstance(value, bool))  # a text informs, it decides nothing
    return web.Response(
        text=json.dumps(dict(checks)) + "\n", status=200 if fine else 503, content_type="application/json"
    )


def _listener(port: int) -> socket.socket:
    """One socket for IPv4 and IPv6 where the machine has both: a pod's probe may come over either."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
