"""kopf: events into the store and on to the queue. Nothing else: kopf writes nothing to the cluster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, Protocol

import kopf

from slipway.runtime.kinds import Kind
from slipway.runtime.metrics import EVENTS


class Feeds(Protocol):
    """Where events go."""

    def seen(self, obj: Any) -> None: ...
    def gone(self, obj: Any) -> None: ...


class Sweeps(Protocol):
    """Who looks for what a restarted watch has missed."""

    def ask(self) -> None: ...


def registry(kinds: Sequence[Kind], feed: Feeds, sweeper: Sweeps) -> kopf.OperatorRegistry:
    """A registry with one event handler for each watched kind, and kopf's two plain logins."""
    result = kopf.OperatorRegistry()
    for kind in kinds:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=result)(_handler(kind, feed, sweeper))
    kopf.on.login(registry=result)(_login)
    return result


def settings(kinds: Sequence[Kind]) -> kopf.OperatorSettings:
    """kopf as an informer: no peering, no events, no annotations, small lists, server-side selectors."""
    result = kopf.OperatorSettings()
    result.posting.enabled = False
    result.peering.standalone = True
    result.watching.chunk_size = 250
    result.watching.reconnect_backoff = 1.0
    result.networking.error_backoffs = (0.5, 1, 2, 4)  # then the process ends and starts anew, rather than lag behind
    result.queueing.idle_timeout = 1.0
    result.execution.max_workers = 2
    result.persistence.diffbase_storage = _NoDiffs()
    for kind in kinds:
        if kind.selector:
            result.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    return result


def _handler(kind: Kind, feed: Feeds, sweeper: Sweeps) -> Any:
    async def observe(event: Any, **_: Any) -> None:
        obj = {**event["object"], "apiVersion": kind.api_version, "kind": kind.kind}
        EVENTS.labels(kind.kind).inc()
        if event["type"] == "DELETED":
            feed.gone(obj)
            return
        feed.seen(obj)
        if event["type"] is None:  # a LIST of kopf's: its watch started, or started anew
            sweeper.ask()

    observe.__name__ = f"observe_{kind.plural}"  # kopf tells handlers apart by name
    return observe


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    # Not login_via_client, which is kopf's default: it imports the blocking client for one token.
    found = kopf.login_with_service_account(**arguments)
    if found is None:
        return kopf.login_with_kubeconfig(**arguments)
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return found
    # kopf names the API server by DNS; by address the operator starts before, and lives without, the cluster's DNS
    return dataclasses.replace(found, server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")


class _NoDiffs(kopf.DiffBaseStorage):
    """Event handlers need no last state; kopf would deep-copy every object to compute one."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> Any:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None
