"""Brings the embedded cluster up: from nothing, from a half of it, or by finding that all of it is there."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tests.cluster import addresses, control_plane, leftovers, network, node, packages, preflight, registry
from tests.cluster.addons import coredns, gateway, kserve, mlflow, prometheus
from tests.cluster.addons import registry as registry_note
from tests.cluster.addons.addon import Context, deploy
from tests.cluster.api import Api
from tests.cluster.build import GoTools
from tests.cluster.certificates import Authority
from tests.cluster.down import clear, kill_pods, remove_scratch
from tests.cluster.environment import Environment, Gateway
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl
from tests.cluster.lock import exclusive
from tests.cluster.places import Places
from tests.cluster.processes import Processes, boot_id
from tests.cluster.progress import Progress
from tests.cluster.project_images import make_all

# In the order in which they are wanted; the long ones last.
_BUILD_ORDER = ("kubernetes", "etcd", "helm", "coredns", "kserve", "gateway")
_ADDONS = (coredns.ADDON, kserve.ADDON, gateway.ADDON, prometheus.ADDON, mlflow.ADDON, registry_note.ADDON)


class EmbeddedCluster:
    """The one cluster of this machine."""

    def __init__(self, places: Places, progress: Progress) -> None:
        self.places = places = places.of_cluster()
        self.progress = progress
        self.tools = GoTools(places.cache, progress)
        self.processes = Processes(places.records, places.logs)

    def up(self) -> Environment:
        """Idempotent; returns what environment.json holds. Raises ClusterError."""
        preflight.require_machine(self.places, self.tools)
        with exclusive(self.places.lock, self.progress.say):
            self.places.make()
            self._forget_other_boot()
            leftovers.note_fixed_directories(self.places)
            remove_scratch(self.places)
            with _Builds(self.tools) as builds:
                packages.install(self.progress, self.places.logs / "apt.log")
                if network.ensure(self.places.state / "sysctls.json"):
                    kill_pods(self.places)
                preflight.require_ports(self.processes)
                registry.start(self.places, self.processes)
                return self._start(builds)

    def _start(self, builds: _Builds) -> Environment:
        authority = Authority(self.places.pki)
        images = Images(self.places, self.progress)
        with ThreadPoolExecutor(2, thread_name_prefix="start") as pool:
            runtime = pool.submit(self._start_runtime, images)
            master = pool.submit(self._start_control_plane, builds, authority)
            _all((runtime, master))
        kubernetes = builds.need("kubernetes")
        api = Api(self.places.kubeconfig)
        kubelet = node.start_kubelet(self.places, kubernetes, authority, self.processes)
        kubectl = Kubectl(kubernetes / "kubectl", self.places.kubeconfig)

        def restart_proxy() -> None:
            self.processes.stop("kube-proxy")
            node.start_proxy(self.places, kubernetes, authority, self.processes)

        context = Context(self.places, self.progress, builds.need, kubectl, api, images, authority, restart_proxy)
        with ThreadPoolExecutor(len(_ADDONS) + 2, thread_name_prefix="add-on") as pool:
            own = pool.submit(make_all, images)
            ready = pool.submit(node.wait_until_ready, api, self.processes, kubelet)  # manifests need no node yet
            _all([own, ready, *(pool.submit(deploy, addon, context) for addon in _ADDONS)])
        environment = _environment(context, own.result())
        environment.save(self.places.environment)
        (self.places.state / "images.json").write_text(json.dumps(images.used))
        return environment

    def _start_runtime(self, images: Images) -> None:
        node.start_containerd(self.places, images.base(), self.processes)

    def _start_control_plane(self, builds: _Builds, authority: Authority) -> None:
        kubernetes, etcd = builds.need("kubernetes"), builds.need("etcd")
        control_plane.start(self.places, kubernetes, etcd / "etcd", authority, self.processes)

    def _forget_other_boot(self) -> None:
        """After a reboot nothing runs, and etcd, which never syncs, may be torn: the state starts anew."""
        mark = self.places.state / "boot"
        if mark.exists() and mark.read_text() != boot_id():
            self.progress.say("the machine was started anew since: making a new cluster")
            clear(self.places, self.processes)
            self.places.make()
        mark.write_text(boot_id())


def _environment(context: Context, images: dict[str, str]) -> Environment:
    return Environment(
        kubeconfig=str(context.places.kubeconfig),
        provider="embedded",
        registry=addresses.REGISTRY,
        registry_host=addresses.REGISTRY,
        registry_plain_http=True,
        prometheus="http://prometheus.monitoring.svc:9090",
        prometheus_host_url=f"http://{_service_address(context, 'monitoring', 'prometheus')}:9090",
        mlflow="http://mlflow.mlflow.svc:5000",
        mlflow_host_url=f"http://{_service_address(context, 'mlflow', 'mlflow')}:5000",
        gateway=Gateway(gateway.GATEWAY_NAMESPACE, gateway.GATEWAY, gateway.gateway_address(context) or ""),
        base_image=context.images.base(),
        kubectl=str(context.kubectl.program),
        helm=str(context.tool("helm") / "helm"),
        audit_log=str(context.places.logs / "audit.log"),
        images=images,
    )


def _service_address(context: Context, namespace: str, name: str) -> str:
    service = context.api.get(f"/api/v1/namespaces/{namespace}/services/{name}") or {}
    return str(service["spec"]["clusterIP"])


class _Builds:
    """Builds all tools one after the other, in the background; `need` waits for one of them."""

    def __init__(self, tools: GoTools) -> None:
        self._tools = tools
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="build")
        self._futures: dict[str, Future[Path]] = {}

    def __enter__(self) -> _Builds:
        for name in _BUILD_ORDER:
            self._futures[name] = self._pool.submit(self._tools.ensure, name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # what failed elsewhere should be read now, not after minutes of building
            self._tools.cancel()
        self._pool.shutdown(cancel_futures=True)

    def need(self, name: str) -> Path:
        return self._futures[name].result()


def _all(futures: Any) -> None:
    """Waits for all, and raises the first failure as soon as it happens (the others end in their pool)."""
    for future in as_completed(futures):
        future.result()
