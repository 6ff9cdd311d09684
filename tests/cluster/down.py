"""Takes the embedded cluster away: to the last process, mount, network namespace, bridge, chain and cgroup of ours."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import time
from pathlib import Path

from tests.cluster import leftovers, network, trim
from tests.cluster.configuration import CGROUP
from tests.cluster.errors import ClusterError
from tests.cluster.packages import remove_killed_policy
from tests.cluster.places import Places
from tests.cluster.processes import Processes, start_time
from tests.cluster.progress import Progress

# Those that would start pods again end first; containerd and the registry are needed until the pods are gone.
_ORDER = ("kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
_CGROUPS = Path("/sys/fs/cgroup")
_MNT_DETACH = 2


def down(places: Places, processes: Processes, progress: Progress) -> None:
    """Idempotent; works on any remains. The caller holds the lock. Raises ClusterError where something stays."""
    with progress.step("taking the cluster away"):
        clear(places, processes)


def clear(places: Places, processes: Processes) -> None:
    """Ends and removes everything but the cache."""
    for name in _ORDER:
        processes.stop(name, grace=5.0)
    kill_pods(places)
    if processes.alive("containerd"):
        trim.containers(places)
    for name in processes.names():
        processes.stop(name, grace=5.0)
    kill_pods(places)
    trim.registry(places)
    trim.layers(places)
    unmount_below((places.state, places.containerd_root))
    remove_scratch(places)
    remove_killed_policy()
    network.remove(places.state / "sysctls.json")
    remove_cgroups()
    leftovers.remove(places)
    shutil.rmtree(places.state, ignore_errors=True)
    if places.state.exists():
        unmount_below((places.state,))
        shutil.rmtree(places.state)


def kill_pods(places: Places) -> None:
    """Ends every process in our cgroup, and the shims of our containerd, which stand outside it."""
    deadline = time.monotonic() + 20
    while True:
        left = {*_pod_processes(), *_shims(places)}
        if not left:
            return
        if time.monotonic() > deadline:
            raise ClusterError(
                f"processes {sorted(left)} of pods did not end in 20 s",
                "see what they wait for: ps -o pid,stat,wchan,cmd",
            )
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _pod_processes() -> list[int]:
    found: set[int] = set()
    for top in _own_cgroups():
        for directory, _, _ in os.walk(top):  # does not mind that cgroups vanish while it looks
            with contextlib.suppress(OSError):
                found.update(int(line) for line in (Path(directory) / "cgroup.procs").read_text().split())
    return [pid for pid in found if pid > 0 and start_time(pid) is not None]


def _shims(places: Places) -> list[int]:
    """A shim names its containerd's socket on its command line; another containerd's are none of our business."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        program = arguments[0].rpartition(b"/")[2]
        ours = program.startswith(b"containerd-shim") and str(places.containerd_socket).encode() in arguments
        if ours and start_time(int(directory.name)) is not None:
            found.append(int(directory.name))
    return found


def _own_cgroups() -> list[Path]:
    name = CGROUP.lstrip("/")
    return [path for path in (_CGROUPS / name, *_CGROUPS.glob(f"*/{name}")) if path.is_dir()]


def remove_cgroups() -> None:
    """Deepest first; a cgroup that has just lost its last process is busy for a moment."""
    for top in _own_cgroups():
        for attempt in range(20):
            directories = [Path(path) for path, _, _ in os.walk(top, topdown=False)]
            for directory in directories:
                with contextlib.suppress(OSError):
                    directory.rmdir()
            if not top.exists():
                break
            time.sleep(0.05 * (attempt + 1))


def remove_scratch(places: Places) -> None:
    """Removes directories in which a killed `up` was making images, with what debootstrap has mounted below its own.

    Only one `up` or `down` runs at a time, and it is this one. Raises ClusterError.
    """
    scratch = tuple(places.cache.glob("slipway-*-*"))
    unmount_below(scratch)
    for killed in scratch:
        shutil.rmtree(killed, ignore_errors=True)


def unmount_below(roots: tuple[Path, ...]) -> None:
    """Detaches every mount at or below `roots`, innermost first, until none is left. Raises ClusterError."""
    for _ in range(10):
        points = mount_points(Path("/proc/self/mountinfo").read_text(), roots)
        if not points:
            return
        for point in points:
            ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(point), _MNT_DETACH)
    raise ClusterError(f"{points[0]} cannot be unmounted", f"see who uses it: fuser -vm {points[0]}")


def mount_points(mountinfo: str, roots: tuple[Path, ...]) -> list[str]:
    """Mount points at or below `roots` in a /proc/<pid>/mountinfo, innermost first."""
    points = [
        re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), line.split()[4])
        for line in mountinfo.splitlines()
    ]
    ours = [point for point in points if any(Path(point) == root or root in Path(point).parents for root in roots)]
    return list(reversed(ours))
