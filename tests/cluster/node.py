"""The one node: containerd, kubelet and kube-proxy as host processes."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import addresses, configuration
from tests.cluster.api import Api, answers, wait_for
from tests.cluster.certificates import Authority, Identity
from tests.cluster.control_plane import client
from tests.cluster.packages import program
from tests.cluster.places import REPOSITORY, Places
from tests.cluster.processes import HostProcess, Processes

SECCOMP_PROFILES = REPOSITORY / "charts" / "slipway" / "files" / "seccomp"
_CGROUPS = Path("/sys/fs/cgroup")
_TOO_EARLY = "not initialized yet"
"""What containerd answers, and a kubelet ends with, while there is a socket and no runtime service behind it yet."""
_TOO_EARLY_STARTS = 5


def start_containerd(places: Places, sandbox: str, processes: Processes) -> None:
    """Starts it with `sandbox` as the image whose container holds a pod's namespaces. Raises ClusterError."""
    write = configuration.write
    runc = program("/usr/sbin/runc", "/usr/bin/runc")
    config = write("containerd.toml", places.configs / "containerd.toml", places, sandbox=sandbox, runc=runc)
    write("cni.conflist", places.configs / "cni" / "10-slipway.conflist", places)
    write("hosts.toml", places.configs / "certs.d" / addresses.REGISTRY / "hosts.toml", places)
    places.containerd_root.mkdir(parents=True, exist_ok=True)
    process = HostProcess("containerd", [program("/usr/bin/containerd"), f"--config={config}"], inputs=(config,))
    processes.ensure(process)
    processes.wait("containerd", lambda: _accepts(places.containerd_socket), 60)


def start_kubelet(places: Places, kubernetes: Path, authority: Authority, processes: Processes) -> HostProcess:
    """Starts the kubelet (it registers the node) and kube-proxy; does not wait for the node."""
    names = (addresses.NODE_NAME, addresses.NODE)
    user = f"system:node:{addresses.NODE_NAME}"
    authority.issue(Identity("kubelet", user, ("system:nodes",), names))
    kubeconfig = client(places, authority, "kubelet", user, ("system:nodes",))
    _copy_seccomp_profiles(places.state / "kubelet" / "seccomp")
    resolv_conf = _resolv_conf()
    config = configuration.write("kubelet.yaml", places.configs / "kubelet.yaml", places, resolv_conf=str(resolv_conf))
    make_cgroups()
    argv = [
        str(kubernetes / "kubelet"),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={places.state / 'kubelet'}",
        f"--node-ip={addresses.NODE}",
        f"--hostname-override={addresses.NODE_NAME}",
        "--register-node",
    ]
    kubelet = HostProcess("kubelet", argv, inputs=(config,))
    processes.ensure(kubelet)
    start_proxy(places, kubernetes, authority, processes)
    return kubelet


def _copy_seccomp_profiles(target: Path) -> None:
    """Those that the chart ships, where the kubelet looks for profiles of its node."""
    target.mkdir(parents=True, exist_ok=True)
    for profile in SECCOMP_PROFILES.glob("*.json"):
        shutil.copyfile(profile, target / profile.name)


def start_proxy(places: Places, kubernetes: Path, authority: Authority, processes: Processes) -> None:
    """Starts kube-proxy where it does not run."""
    client(places, authority, "kube-proxy", "system:kube-proxy")
    config = configuration.write("kube-proxy.yaml", places.configs / "kube-proxy.yaml", places)
    argv = [str(kubernetes / "kube-proxy"), f"--config={config}"]
    processes.ensure(HostProcess("kube-proxy", argv, inputs=(config,)))


def wait_until_ready(api: Api, processes: Processes, kubelet: HostProcess) -> None:
    """Until the node can take pods. Raises ClusterError."""
    starts = iter(range(_TOO_EARLY_STARTS))

    def ready() -> bool:
        if not processes.alive(kubelet.name):
            start_where_too_early(kubelet, processes, starts)
            return False
        if not processes.alive("kube-proxy"):
            raise processes.died("kube-proxy")
        node = api.get(f"/api/v1/nodes/{addresses.NODE_NAME}")
        conditions = (node or {}).get("status", {}).get("conditions", [])
        return kubelet_healthy() and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    wait_for("the node is Ready:", ready, 120, f"read {processes.log('kubelet')} and {processes.log('containerd')}")


def start_where_too_early(kubelet: HostProcess, processes: Processes, starts: Iterator[int]) -> None:
    """Starts a kubelet again that came before its runtime, once for each of `starts`. Raises ClusterError otherwise."""
    if _TOO_EARLY not in "".join(processes.last_lines(kubelet.name)[-1:]) or next(starts, None) is None:
        raise processes.died(kubelet.name)
    time.sleep(1)
    processes.ensure(kubelet)


def kubelet_healthy() -> bool:
    """What the kubelet itself says: the node's condition is a memory of up to 40 s."""
    return answers("127.0.0.1", configuration.KUBELET_HEALTH_PORT, "/healthz")


def make_cgroups() -> None:
    """A cgroup of our own above all pods, so that `down` knows whose processes those are."""
    name = configuration.CGROUP.lstrip("/")
    if (_CGROUPS / "cgroup.controllers").exists():
        (_CGROUPS / name).mkdir(exist_ok=True)
        controllers = (_CGROUPS / "cgroup.controllers").read_text().split()
        for level in (_CGROUPS, _CGROUPS / name):
            (level / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in controllers))
        return
    for controller in _CGROUPS.iterdir():
        if not (controller / "cgroup.procs").exists() or controller.is_symlink() or controller.name == "unified":
            continue
        (controller / name).mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new cpuset, which then takes no process
            if (controller / setting).exists() and not (controller / name / setting).read_text().strip():
                (controller / name / setting).write_text((controller / setting).read_text())


def _resolv_conf() -> Path:
    """Where systemd-resolved answers on the loopback only, the file with the servers behind it."""
    behind = Path("/run/systemd/resolve/resolv.conf")
    text = Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else ""
    return behind if behind.exists() and "127.0.0.53" in text else Path("/etc/resolv.conf")


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(str(path))
            return True
        except OSError:
            return False
