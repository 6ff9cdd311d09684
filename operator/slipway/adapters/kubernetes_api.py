"""The Kubernetes API over kubernetes.aio: dicts in, dicts out, errors by what is to be done about them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration
from yarl import URL

from slipway.adapters.api_paths import Paths, Resource
from slipway.core.plan import ObjectKey
from slipway.runtime.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KindMissing,
    NotLeader,
    Unreachable,
)
from slipway.runtime.executor import Fence
from slipway.runtime.kinds import Kind
from slipway.runtime.metrics import WRITES

MANAGER = "slipway"
Object = Mapping[str, Any]
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_NO_RESOURCE = "the server could not find the requested resource"
_MISSING = "the API server does not serve this kind: its CRD is not installed"


async def configuration() -> Configuration:
    """The pod's service account, or else what KUBECONFIG names."""
    result = Configuration()
    try:
        kubernetes_config.load_incluster_config(client_configuration=result)
    except kubernetes_config.ConfigException:
        await kubernetes_config.load_kube_config(client_configuration=result)
    return result


def _error(status: int, body: bytes, key: ObjectKey | None) -> ApiError:
    try:
        answer = json.loads(body)
        message, reason = str(answer.get("message", "")), str(answer.get("reason", ""))
    except (ValueError, AttributeError):
        message, reason = body[:500].decode(errors="replace"), ""
    message = message or f"HTTP {status}"
    if status == 404:
        return KindMissing(_MISSING, key) if not reason or _NO_RESOURCE in message else Gone(message, key)
    if status == 409:
        return (AlreadyExists if reason == "AlreadyExists" else Conflict)(message, key)
    if status == 403:
        return Forbidden(message, key)
    if status in (400, 405, 413, 415, 422):
        return Invalid(message, key)
    return Unreachable(f"HTTP {status}: {message}", key)


class KubernetesApi:
    """A thin client. Each write asks `may_write` before it is built, when a connection is at hand, and as it leaves."""

    def __init__(self, config: Configuration, may_write: Callable[[], None], timeout: float = 15.0) -> None:
        """`may_write` raises `NotLeader` when this process may not; `timeout` in seconds bounds each request."""
        config.client_session_kwargs = {"trust_env": False}
        config.trace_configs = [_late_check(may_write)]
        self._client = ApiClient(config)
        self._host = str(config.host)
        self._may_write = may_write
        self._timeout = timeout
        self._paths = Paths(self._resources)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def addresses(self) -> frozenset[tuple[str, int]]:
        """Numeric addresses and ports of the API server, as far as its name tells them."""
        url = URL(self._host)
        port = url.port or 443
        try:
            found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError:
            return frozenset()
        return frozenset((str(address[0]), port) for *_, address in found)

    async def get(self, key: ObjectKey) -> Object:
        """Reads one object; raises `Gone`."""
        return await self._call("GET", await self._paths.of(key), key=key)

    async def get_metadata(self, key: ObjectKey) -> Object:
        """Reads the metadata of one object, which is all that travels; raises `Gone`."""
        return await self._call("GET", await self._paths.of(key), key=key, accept=_METADATA)

    async def list(self, kind: Kind, namespace: str = "", limit: int = 250) -> AsyncIterator[tuple[list[Object], int]]:
        """Pages of a consistent LIST with its resourceVersion; raises `KindMissing`."""
        path = Resource(kind.api_version, kind.plural, kind.namespaced).path(namespace if kind.namespaced else "")
        query = {"limit": str(limit), **({"labelSelector": kind.selector} if kind.selector else {})}
        while True:
            page = await self._call("GET", path, query)
            items = page.get("items") or []
            for item in items:  # built-in kinds leave these out of the items of a list
                item.setdefault("apiVersion", kind.api_version)
                item.setdefault("kind", kind.kind)
            yield items, int(page["metadata"]["resourceVersion"])
            token = page["metadata"].get("continue")
            if not token:
                return
            query = {**query, "continue": token}

    async def apply(self, manifest: Object, key: ObjectKey, fence: Fence | None) -> Object:
        """Server-side apply, forced; with a fence it is refused once somebody wrote in between.

        Of a fence the version alone is not enough: an apply with a resourceVersion creates what is gone.
        """
        body = manifest
        if fence is not None:
            metadata = {**manifest["metadata"], "resourceVersion": fence.resource_version, "uid": fence.uid}
            body = {**manifest, "metadata": metadata}
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self._call("PATCH", await self._paths.of(key), query, body, "application/apply-patch+yaml", key)

    async def create(self, manifest: Object, key: ObjectKey) -> Object:
        """Creates; raises `AlreadyExists`."""
        path = await self._paths.collection(key)
        return await self._call("POST", path, {"fieldManager": MANAGER}, manifest, key=key)

    async def delete(self, key: ObjectKey, uid: str, propagation: str) -> Object:
        """Deletes while the uid is still the same, where one is given; raises `Gone` or `Conflict`."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        return await self._call("DELETE", await self._paths.of(key), body=body, key=key)

    async def set_finalizers(self, key: ObjectKey, resource_version: str, finalizers: Sequence[str]) -> Object:
        """Replaces the finalizers; raises `Conflict` when the object is no longer at this version."""
        body = {"metadata": {"resourceVersion": resource_version, "finalizers": list(finalizers) or None}}
        path = await self._paths.of(key)
        return await self._call("PATCH", path, {"fieldManager": MANAGER}, body, "application/merge-patch+json", key)

    async def set_owners(self, key: ObjectKey, owners: Sequence[Object]) -> Object:
        """Replaces the owner references; raises `Gone`."""
        body = {"metadata": {"ownerReferences": list(owners) or None}}
        path = await self._paths.of(key)
        return await self._call("PATCH", path, {"fieldManager": MANAGER}, body, "application/merge-patch+json", key)

    async def set_data(self, key: ObjectKey, resource_version: str, data: Mapping[str, str]) -> Object:
        """Sets values of a Secret or ConfigMap; raises `Conflict` when it is no longer at this version."""
        body = {"metadata": {"resourceVersion": resource_version}, "data": dict(data)}
        path = await self._paths.of(key)
        return await self._call("PATCH", path, {"fieldManager": MANAGER}, body, "application/merge-patch+json", key)

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Object) -> Object:
        """Replaces the status as a whole, so that what is left out is gone; raises `Conflict`.

        A PUT of the subresource takes nothing but the status, so the spec need not travel.
        """
        metadata = {"name": key.name, "namespace": key.namespace, "resourceVersion": resource_version}
        if not key.namespace:
            del metadata["namespace"]
        body = {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata, "status": status}
        path = await self._paths.of(key) + "/status"
        return await self._call("PUT", path, {"fieldManager": MANAGER}, body, key=key, verb="status")

    async def _resources(self, api_version: str) -> Sequence[Object]:
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            answer = await self._call("GET", path)
        except (Gone, KindMissing) as gone:
            raise KindMissing(f"the API server does not serve {api_version}: its CRDs are not installed") from gone
        found: Sequence[Object] = answer.get("resources") or []
        return found

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
        key: ObjectKey | None = None,
        verb: str = "",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        if method != "GET":
            self._may_write()
            WRITES.labels(verb or method.lower(), key.kind if key else "").inc()
        url = quote(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content}
        try:
            request = await self._client.param_serialize(
                method, url, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = await self._client.call_api(*request, _request_timeout=self._timeout)
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error.__cause__, NotLeader):  # raised as the bytes left, and wrapped
                raise error.__cause__ from None
            raise Unreachable(f"the API server does not answer: {error or type(error).__name__}", key) from error
        if not 200 <= response.status <= 299:
            raise _error(response.status, text, key)
        answer: dict[str, Any] = json.loads(text)
        return answer


def _late_check(may_write: Callable[[], None]) -> aiohttp.TraceConfig:
    """Asks again after a connection was waited for, which may have taken longer than the lease, and as bytes leave.

    The body is sent by a task of its own, behind whatever else the loop has to do; the head waits for it.
    """
    trace = aiohttp.TraceConfig()

    async def started(_: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        context.writes = params.method != "GET"

    async def checked(_: Any, context: Any, __: Any) -> None:
        if context.writes:
            may_write()

    trace.on_request_start.append(started)
    trace.on_connection_create_end.append(checked)
    trace.on_connection_reuseconn.append(checked)
    trace.on_request_chunk_sent.append(checked)
    return trace
