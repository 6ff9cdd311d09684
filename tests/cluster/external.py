"""A cluster that the user gives: what the project needs is looked for there, and what is missing is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.bare import control_plane_binaries
from tests.cluster.environment import Environment, Gateway
from tests.cluster.errors import ClusterError
from tests.cluster.progress import Progress

_KSERVE = "inferenceservices.serving.kserve.io"
_ROUTES = "httproutes.gateway.networking.k8s.io"
_PROMETHEUS_NAMES = ("prometheus", "prometheus-server", "prometheus-operated", "prometheus-k8s")
# KEP-1755: how kind, k3d and others tell of a registry beside the cluster.
_REGISTRY_NOTE = ("kube-public", "local-registry-hosting")
Object = dict[str, Any]


@dataclass
class Findings:
    """What a cluster has; `missing` holds one sentence with a remedy for each thing that it has not."""

    registry: str = ""
    prometheus: tuple[str, str] = ("", "")
    mlflow: tuple[str, str] = ("", "")
    gateway: Gateway | None = None
    missing: list[str] = field(default_factory=list)


class Reader:
    """`kubectl get` with the user's own configuration, whatever way it logs in."""

    def __init__(self, kubectl: str, kubeconfig: str) -> None:
        self._kubectl = kubectl
        self._environment = {**os.environ, "KUBECONFIG": kubeconfig}

    def get(self, *arguments: str) -> Object:
        """Parsed JSON; empty where there is no such object. Raises ClusterError where the cluster does not answer."""
        command = [self._kubectl, "get", *arguments, "--ignore-not-found", "-o", "json", "--request-timeout=15s"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode and "the server doesn't have a resource type" not in done.stderr:
            raise ClusterError(
                f"the cluster of KUBECONFIG refuses `kubectl get {' '.join(arguments)}`: {done.stderr.strip()[-400:]}",
                "check KUBECONFIG, or unset it to use the embedded cluster (Linux and root)",
            )
        return json.loads(done.stdout) if done.stdout.strip() and not done.returncode else {}


def describe(kubeconfig: str, progress: Progress, env: Mapping[str, str] | None = None) -> Environment:
    """The environment of the user's cluster. Raises ClusterError that lists all that is missing, with remedies."""
    given = os.environ if env is None else env
    kubectl = shutil.which("kubectl") or str(control_plane_binaries(progress).kubectl)
    helm = shutil.which("helm") or str(control_plane_binaries(progress).helm)
    found = find(Reader(kubectl, kubeconfig), given)
    if found.missing or found.gateway is None:
        listed = "".join(f"\n  - {one}" for one in found.missing)
        raise ClusterError(
            f"the cluster of KUBECONFIG ({kubeconfig}) lacks:{listed}",
            "install or name these, or unset KUBECONFIG to use the embedded cluster (Linux and root)",
        )
    progress.say(f"using the cluster of KUBECONFIG ({kubeconfig})")
    return Environment(
        kubeconfig=kubeconfig,
        provider="kubeconfig",
        registry=found.registry,
        registry_plain_http=given.get("SLIPWAY_REGISTRY_PLAIN_HTTP", _plain(found.registry)) == "true",
        prometheus=found.prometheus[0],
        prometheus_host_url=given.get("SLIPWAY_PROMETHEUS_HOST_URL") or found.prometheus[1],
        mlflow=found.mlflow[0],
        mlflow_host_url=given.get("SLIPWAY_MLFLOW_HOST_URL") or found.mlflow[1],
        gateway=found.gateway,
        base_image=given.get("SLIPWAY_BASE_IMAGE", ""),
        kubectl=kubectl,
        helm=helm,
    )


def find(reader: Reader, env: Mapping[str, str]) -> Findings:
    """Looks for each of the five; what the user names in the environment is taken at its word."""
    found = Findings()
    if not reader.get("customresourcedefinition", _KSERVE):
        found.missing.append("KServe: install it in Standard mode (https://kserve.github.io/website)")
    _find_gateway(reader, env, found)
    services = reader.get("services", "--all-namespaces").get("items", [])
    found.prometheus = _named(env.get("SLIPWAY_PROMETHEUS")) or _service(services, _PROMETHEUS_NAMES, (9090, 80))
    if not found.prometheus[0]:
        found.missing.append("Prometheus: one that scrapes annotated pods; or name its URL in SLIPWAY_PROMETHEUS")
    found.mlflow = _named(env.get("SLIPWAY_MLFLOW")) or _service(services, ("mlflow", "mlflow-tracking"), (5000, 80))
    if not found.mlflow[0]:
        found.missing.append("MLflow: install a tracking server, or give its URL in SLIPWAY_MLFLOW")
    found.registry = env.get("SLIPWAY_REGISTRY") or _noted_registry(reader)
    if not found.registry:
        found.missing.append("an image registry: give host:port (reached by nodes, pods and here) in SLIPWAY_REGISTRY")
    return found


def _find_gateway(reader: Reader, env: Mapping[str, str], found: Findings) -> None:
    if not reader.get("customresourcedefinition", _ROUTES):
        found.missing.append("the Gateway API: install its CRDs and an implementation (Envoy Gateway, for instance)")
        return
    namespace, _, name = env.get("SLIPWAY_GATEWAY", "").partition("/")
    for gateway in reader.get("gateways.gateway.networking.k8s.io", "--all-namespaces").get("items", []):
        metadata, addresses = gateway["metadata"], gateway.get("status", {}).get("addresses", [])
        wanted = not name or (namespace, name) == (metadata["namespace"], metadata["name"])
        if wanted and addresses and (name or _open_listener(gateway)):
            port = (_open_listener(gateway) or gateway["spec"]["listeners"][0])["port"]
            address = env.get("SLIPWAY_GATEWAY_ADDRESS") or f"{addresses[0]['value']}:{port}"
            found.gateway = Gateway(metadata["namespace"], metadata["name"], address)
            return
    found.missing.append(
        "a Gateway with an address and an HTTP listener for routes of all namespaces: make one, or name one as"
        " namespace/name in SLIPWAY_GATEWAY"
    )


def _open_listener(gateway: Object) -> Object | None:
    for listener in gateway["spec"].get("listeners", []):
        origin = listener.get("allowedRoutes", {}).get("namespaces", {}).get("from", "Same")
        if listener["protocol"] == "HTTP" and origin == "All":
            found: Object = listener
            return found
    return None


def _named(url: str | None) -> tuple[str, str] | None:
    return (url, url) if url else None


def _service(services: list[Object], names: tuple[str, ...], ports: tuple[int, ...]) -> tuple[str, str]:
    """The URL for pods and the one for this machine (a load balancer's where there is one) of the first match."""
    for name in names:
        for service in services:
            metadata, spec = service["metadata"], service["spec"]
            offered = [port["port"] for port in spec.get("ports", []) if port["port"] in ports]
            if metadata["name"] == name and offered and spec.get("clusterIP") not in (None, ""):
                inside = f"{name}.{metadata['namespace']}.svc:{offered[0]}"
                ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [{}])
                outside = ingress[0].get("ip") or ingress[0].get("hostname") if ingress else ""
                return f"http://{inside}", f"http://{outside or spec['clusterIP']}:{offered[0]}"
    return "", ""


def _noted_registry(reader: Reader) -> str:
    namespace, name = _REGISTRY_NOTE
    note = reader.get("configmap", name, "--namespace", namespace).get("data", {}).get("localRegistryHosting.v1", "")
    for line in note.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "host":
            return str(value.strip().strip('"'))
    return ""


def _plain(registry: str) -> str:
    """A registry on this machine speaks plain HTTP by custom."""
    host = registry.partition(":")[0]
    return "true" if host in ("localhost", "127.0.0.1") or host.endswith(".localhost") else "false"


def state_directory(path: Path) -> None:
    """Makes the directory of environment.json. Raises ClusterError where that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"{path} cannot be made: {error.strerror}", "name a directory of yours in SLIPWAY_CLUSTER_STATE"
        ) from error
