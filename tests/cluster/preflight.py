"""What the embedded cluster needs of a machine, asked before anything is touched."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from pathlib import Path

from tests.cluster import addresses
from tests.cluster.build import TOOLS, GoTools, find_go
from tests.cluster.errors import ClusterError
from tests.cluster.places import Places
from tests.cluster.processes import Processes

_COLD_BYTES = 19 << 30  # measured: 20.4 GiB in all, of which the Python environments are there by then
_WARM_BYTES = 3 << 30
_OWN_CLUSTER = "give a cluster of your own (kind, k3d, …) through KUBECONFIG"


def require_machine(places: Places, tools: GoTools) -> None:
    """Raises ClusterError for the first thing that is missing: Linux, root, Go, disk."""
    if platform.system() != "Linux":
        raise ClusterError(f"the embedded cluster runs on Linux, and this is {platform.system()}", _OWN_CLUSTER)
    if os.geteuid() != 0:
        raise ClusterError(
            f"the embedded cluster needs root, and this is user {os.geteuid()}", f"run it with sudo, or {_OWN_CLUSTER}"
        )
    if platform.machine() != "x86_64":
        raise ClusterError(f"the embedded cluster is made for x86_64, and this is {platform.machine()}", _OWN_CLUSTER)
    missing = [name for name in TOOLS if not tools.built(name)]
    if missing:
        find_go()
    require_disk(places, _WARM_BYTES + (_COLD_BYTES - _WARM_BYTES) * len(missing) // len(TOOLS))


def require_disk(places: Places, wanted: int) -> None:
    """Raises ClusterError where one of the two places has less free than `wanted` bytes."""
    for path in (places.cache, places.state):
        existing = next(one for one in (path, *path.parents) if one.exists())
        free = shutil.disk_usage(existing).free
        if free < wanted:
            variable = "SLIPWAY_CACHE" if path == places.cache else "SLIPWAY_CLUSTER_STATE"
            raise ClusterError(
                f"{existing} has {free / 2**30:.1f} GiB free, and the cluster needs {wanted / 2**30:.0f} GiB",
                f"free some, or name a directory on a larger disk in {variable}",
            )


def require_ports(processes: Processes) -> None:
    """Raises ClusterError where a stranger listens on a port of one of our programs that does not run."""
    for program, address, port in addresses.LISTENERS:
        if processes.alive(program):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise ClusterError(
                    f"{program} needs {address}:{port}, which is taken by {_owner(port)} ({error.strerror})",
                    "end that process, or move it to another port",
                ) from error


def _owner(port: int) -> str:
    """`process 123 (name)` for whoever listens there, from /proc."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if Path(table).exists() else []:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(one) in inodes for one in (directory / "fd").iterdir()):
                return f"process {directory.name} ({(directory / 'comm').read_text().strip()})"
        except OSError:
            continue
    return "another process"
