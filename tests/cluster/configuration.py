"""Configuration files of the host processes, made from templates/ with the cluster's addresses and places."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

from tests.cluster import addresses
from tests.cluster.places import PACKAGE, Places

CGROUP = "/slipway"
KUBELET_HEALTH_PORT = 20248


def write(name: str, target: Path, places: Places, **more: str) -> Path:
    """Fills templates/`name` into `target`; a file that would not change is left as it is."""
    values = {
        "bridge": addresses.BRIDGE,
        "cgroup": CGROUP,
        "config": places.configs,
        "containerd_root": places.containerd_root,
        "containerd_state": places.containerd_state,
        "dns": addresses.DNS,
        "kubelet_health_port": KUBELET_HEALTH_PORT,
        "kubelet_port": addresses.KUBELET_PORT,
        "node": addresses.NODE,
        "node_name": addresses.NODE_NAME,
        "pki": places.pki,
        "pods": addresses.PODS,
        "proxy_health_port": addresses.PROXY_HEALTH_PORT,
        "proxy_metrics_port": addresses.PROXY_METRICS_PORT,
        "registry": addresses.REGISTRY,
        "registry_storage": places.registry_storage,
        "socket": places.containerd_socket,
        "state": places.state,
        **more,
    }
    content = Template((PACKAGE / "templates" / name).read_text()).substitute(values)
    if not (target.exists() and target.read_text() == content):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.write_text(content)
        temporary.rename(target)
    return target
