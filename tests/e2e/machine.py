"""What can be seen of the embedded cluster on this machine: asked of the kernel, not of the cluster's own code."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.places import Places

_OURS = re.compile(r"\b(KUBE|SLIPWAY|CNI)-")
BRIDGE = "slw0"
Process = tuple[int, int]
"""Process id and start time, which together are never used again."""


def run(*words: str) -> str:
    """Standard output of a command that has to succeed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    done = subprocess.run(words, env={**os.environ, "PATH": path}, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def started(pid: int) -> int | None:
    """When it started; None where it does not run (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def alive(process: Process) -> bool:
    return started(process[0]) == process[1]


def recorded(places: Places) -> dict[str, Process]:
    """The host processes that the cluster has written down."""
    files = {path.stem: json.loads(path.read_text()) for path in places.records.glob("*.json")}
    return {name: (known["pid"], known["started"]) for name, known in files.items()}


def _all() -> Iterator[tuple[Process, Path]]:
    for directory in Path("/proc").glob("[0-9]*"):
        pid = int(directory.name)
        since = started(pid)
        if since is not None and pid != os.getpid():
            yield (pid, since), directory


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended since
        return b""


def of_pods() -> set[Process]:
    """Processes in the cluster's own cgroup, which is where all pods are."""
    return {one for one, entry in _all() if re.search(rb":/slipway(/|$)", _read(entry / "cgroup"), re.MULTILINE)}


def shims(places: Places) -> set[Process]:
    """The parents of pods' processes, which name the socket of their containerd."""
    socket = str(places.containerd_socket).encode()
    return {
        one
        for one, entry in _all()
        if b"containerd-shim" in (words := _read(entry / "cmdline").split(b"\0"))[0] and socket in words
    }


def programs(places: Places) -> set[Process]:
    """Processes of a program of the cluster's, with its directory on their command line."""
    state, built = str(places.state).encode(), str(places.cache).encode()
    found = set()
    for one, entry in _all():
        words = _read(entry / "cmdline")
        program = words.split(b"\0")[0]
        named = program.rpartition(b"/")[2].startswith((b"containerd", b"docker-registry", b"runc"))
        if state in words and (named or program.startswith(built)):
            found.add(one)
    return found


def twins(process: Process) -> set[Process]:
    """Processes with the very same command line, itself included."""
    words = _read(Path(f"/proc/{process[0]}/cmdline"))
    return {one for one, entry in _all() if words and _read(entry / "cmdline") == words}


def mounts(places: Places) -> list[str]:
    """Mount points below the cluster's directories."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    roots = (str(places.state), str(places.containerd_root))
    return [point for point in points if any(point == root or point.startswith(f"{root}/") for root in roots)]


def network_namespaces() -> set[str]:
    """`net:[…]` of all that a process is in or a mount keeps."""
    kept = set(re.findall(r"net:\[\d+\]", Path("/proc/self/mountinfo").read_text()))
    for _, entry in _all():
        try:
            kept.add(os.readlink(entry / "ns" / "net"))
        except OSError:
            continue
    return kept


def namespaces_of(processes: set[Process]) -> set[str]:
    """Network namespaces of these, but for the machine's own."""
    found = set()
    for pid, _ in processes:
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    return found - {os.readlink("/proc/self/ns/net")}


def named_namespaces() -> set[str]:
    """What `ip netns` lists."""
    return {line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.strip()}


def interfaces() -> set[str]:
    """What `ip link` lists."""
    return {link["ifname"] for link in json.loads(run("ip", "-json", "link"))}


def ports_of_the_bridge() -> set[str]:
    directory = Path(f"/sys/class/net/{BRIDGE}/brif")
    return {path.name for path in directory.iterdir()} if directory.is_dir() else set()


def rules() -> set[str]:
    """Chains that programs made and all rules, of both families, with their table and without their counters."""
    found = set()
    for family in ("iptables", "ip6tables"):
        table = ""
        for line in run(f"{family}-save").splitlines():
            table = line if line.startswith("*") else table
            if line.startswith("-A ") or re.match(r":\S+ - ", line):
                found.add(f"{family} {table} {line.split(' [')[0]}")
    return found


def ours(found: set[str]) -> set[str]:
    """Those of the rules that are, lead to, or stand in chains of the cluster."""
    return {line for line in found if _OURS.search(line)}


def cgroups() -> list[Path]:
    return [
        path for path in (Path("/sys/fs/cgroup/slipway"), *Path("/sys/fs/cgroup").glob("*/slipway")) if path.exists()
    ]
