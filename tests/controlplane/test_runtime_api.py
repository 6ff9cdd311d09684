"""The Kubernetes client against a real API server: what each write does, and how each refusal is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import Configuration
from slipway.adapters.kubernetes_api import KubernetesApi
from slipway.core.plan import ObjectKey
from slipway.runtime.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KindMissing,
    NotLeader,
    Unreachable,
)
from slipway.runtime.executor import Fence
from slipway.runtime.kinds import API_VERSION, Kind

from tests.cluster.bare import ControlPlane
from tests.controlplane.bench import WIDGETS

pytestmark = pytest.mark.controlplane
T = TypeVar("T")
Use = Callable[[KubernetesApi], Awaitable[T]]
WIDGET = ObjectKey(API_VERSION, "Widget", "client", "w")
MAP = ObjectKey("v1", "ConfigMap", "client", "m")


def config_map(name: str = "m", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "client"}, "data": data}


def widget(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "w", "namespace": "client"}
    return {"apiVersion": API_VERSION, "kind": "Widget", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    control_plane.kubectl.apply(WIDGETS)
    control_plane.kubectl.await_kinds("widgets.slipway.dev")
    control_plane.kubectl.apply("{apiVersion: v1, kind: Namespace, metadata: {name: client}}")
    return control_plane


def using(kubeconfig: Path, use: Use[T], fence: Callable[[], None] = lambda: None) -> T:
    """What `use` returns, given a client."""

    async def play() -> T:
        config = Configuration()
        await kubernetes_config.load_kube_config(str(kubeconfig), client_configuration=config)
        api = KubernetesApi(config, fence)
        try:
            return await use(api)
        finally:
            await api.close()

    return asyncio.run(play())


def fence(obj: Any) -> Fence:
    return Fence(obj["metadata"]["uid"], version(obj))


def version(obj: Any) -> str:
    return str(obj["metadata"]["resourceVersion"])


def test_apply_is_forced_and_drops_what_is_no_longer_said(plane: ControlPlane) -> None:
    async def use(api: KubernetesApi) -> None:
        await api.apply(config_map(a="1", b="2"), MAP, None)
        patch = json.dumps({"data": {"a": "by hand", "mine": "kept"}})
        plane.kubectl.run("patch", "configmap", "m", "-n", "client", "--type=merge", "-p", patch)
        answer = await api.apply(config_map(a="1"), MAP, None)
        assert answer["data"] == {"a": "1", "mine": "kept"}
        again = await api.apply(config_map(a="1"), MAP, None)
        assert version(again) == version(answer), "a second apply changes nothing"

    using(plane.kubeconfig, use)


def test_a_fenced_apply_is_refused_when_stale_and_when_the_object_is_gone(plane: ControlPlane) -> None:
    key = ObjectKey("v1", "ConfigMap", "client", "fenced")

    async def use(api: KubernetesApi) -> None:
        first = await api.apply(config_map("fenced", a="1"), key, None)
        second = await api.apply(config_map("fenced", a="2"), key, fence(first))
        with pytest.raises(Conflict):
            await api.apply(config_map("fenced", a="3"), key, fence(first))
        assert (await api.get(key))["data"] == {"a": "2"}
        await api.delete(key, second["metadata"]["uid"], "Background")
        with pytest.raises(Conflict):
            await api.apply(config_map("fenced", a="4"), key, fence(second))
        with pytest.raises(Gone):
            await api.get(key)

    using(plane.kubeconfig, use)


def test_the_status_is_replaced_exactly_and_nothing_else_is_touched(plane: ControlPlane) -> None:
    async def use(api: KubernetesApi) -> None:
        made = await api.create(widget(kept="yes"), WIDGET)
        one = await api.replace_status(WIDGET, version(made), {"a": {"b": 1, "c": 2}, "list": [1, 2]})
        two = await api.replace_status(WIDGET, version(one), {"a": {"b": 1}})
        assert two["status"] == {"a": {"b": 1}}, "what is left out is gone"
        assert two["spec"] == {"kept": "yes"}
        same = await api.replace_status(WIDGET, version(two), {"a": {"b": 1}})
        assert version(same) == version(two)
        with pytest.raises(Conflict):
            await api.replace_status(WIDGET, version(one), {"stale": True})
        finalized = await api.set_finalizers(WIDGET, version(two), ("slipway.dev/traffic",))
        assert finalized["metadata"]["finalizers"] == ["slipway.dev/traffic"]
        with pytest.raises(Conflict):
            await api.set_finalizers(WIDGET, version(two), ())
        going = await api.delete(WIDGET, made["metadata"]["uid"], "Background")
        assert going["metadata"]["deletionTimestamp"]
        await api.set_finalizers(WIDGET, version(going), ())
        with pytest.raises(Gone):
            await api.replace_status(WIDGET, version(going), {})

    using(plane.kubeconfig, use)


def test_create_and_delete_know_whom_they_meet(plane: ControlPlane) -> None:
    key = ObjectKey("v1", "ConfigMap", "client", "once")

    async def use(api: KubernetesApi) -> None:
        made = await api.create(config_map("once", a="1"), key)
        with pytest.raises(AlreadyExists):
            await api.create(config_map("once", a="2"), key)
        with pytest.raises(Conflict):
            await api.delete(key, "another-uid", "Background")
        await api.delete(key, made["metadata"]["uid"], "Background")
        with pytest.raises(Gone):
            await api.delete(key, made["metadata"]["uid"], "Background")

    using(plane.kubeconfig, use)


def test_refusals_are_told_apart(plane: ControlPlane) -> None:
    async def use(api: KubernetesApi) -> None:
        with pytest.raises(Invalid, match="name"):
            await api.apply(config_map("Not_A_Name"), ObjectKey("v1", "ConfigMap", "client", "Not_A_Name"), None)
        nowhere = ObjectKey("nowhere.io/v1", "Thing", "client", "t")
        with pytest.raises(KindMissing):
            await api.apply({"apiVersion": "nowhere.io/v1", "kind": "Thing", "metadata": {"name": "t"}}, nowhere, None)
        route = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", "client", "r")
        manifest = {
            "apiVersion": route.api_version,
            "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "client"},
        }
        with pytest.raises(KindMissing):  # a kind known by heart, on a cluster without it
            await api.apply(manifest, route, None)
        lost = ObjectKey("v1", "ConfigMap", "no-such-namespace", "m")
        with pytest.raises(Gone, match="no-such-namespace"):
            await api.create({**config_map(), "metadata": {"name": "m", "namespace": "no-such-namespace"}}, lost)

    using(plane.kubeconfig, use)

    async def as_stranger(api: KubernetesApi) -> None:
        with pytest.raises(Forbidden, match="stranger"):
            await api.apply(config_map(a="1"), MAP, None)

    using(plane.identity("stranger"), as_stranger)


def test_lists_come_in_consistent_pages(plane: ControlPlane) -> None:
    async def use(api: KubernetesApi) -> None:
        for number in range(7):
            name = f"page-{number}"
            await api.create(config_map(name, a="1"), ObjectKey("v1", "ConfigMap", "client", name))
        pages = [page async for page in api.list(Kind("v1", "ConfigMap", "configmaps"), "client", limit=3)]
        assert len(pages) >= 3
        assert len({at for _, at in pages}) == 1
        names = [each["metadata"]["name"] for objects, _ in pages for each in objects]
        assert {f"page-{number}" for number in range(7)} <= set(names)
        assert all(each["kind"] == "ConfigMap" for objects, _ in pages for each in objects)
        with pytest.raises(KindMissing):
            _ = [page async for page in api.list(Kind("nowhere.io/v1", "Thing", "things"))]

    using(plane.kubeconfig, use)


@pytest.mark.parametrize("check", [1, 2, 3], ids=["before it is built", "at the connection", "as it leaves"])
def test_the_fence_stops_a_write_up_to_the_last_moment(plane: ControlPlane, check: int) -> None:
    calls: list[int] = []

    def late() -> None:
        calls.append(1)
        if len(calls) == check:  # the lease was lost meanwhile
            raise NotLeader("too late")

    async def use(api: KubernetesApi) -> None:
        key = ObjectKey("v1", "ConfigMap", "client", "never")
        with pytest.raises(NotLeader):
            await api.create(config_map("never"), key)
        with pytest.raises(Gone):
            await api.get(key)

    using(plane.kubeconfig, use, late)
    assert len(calls) == check


def test_an_api_server_that_is_away_is_unreachable(plane: ControlPlane, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(plane.kubeconfig.read_text().replace(plane.url, "https://127.0.0.1:1"))

    async def use(api: KubernetesApi) -> None:
        with pytest.raises(Unreachable):
            await api.get(MAP)

    using(elsewhere, use)
