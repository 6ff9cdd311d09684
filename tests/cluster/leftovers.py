"""What containerd, CNI and the kubelet put in directories that they give no choice about; found by what is ours."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from tests.cluster.places import Places

# Fixed in the programs: shim sockets, loopback results of CNI, the device plugins' socket, links to containers' logs.
_SHIM_SOCKETS = Path("/run/containerd")
_CNI = Path("/var/lib/cni")
_KUBELET = Path("/var/lib/kubelet")
_LOG_LINKS = Path("/var/log/containers")
_FIXED = (_SHIM_SOCKETS, _CNI, _KUBELET, _LOG_LINKS)


def note_fixed_directories(places: Places) -> None:
    """Before the first start: those that are not there will be there because of us, and go with us."""
    note = places.state / "made.json"
    if not note.exists():
        note.write_text(json.dumps([str(path) for path in _FIXED if not path.exists()]))


def remove(places: Places) -> None:
    """Removes ours, which the state still names; call it before the state goes."""
    tasks = places.containerd_state / "io.containerd.runtime.v2.task" / "k8s.io"
    for task in tasks.iterdir() if tasks.is_dir() else ():
        _remove_socket(task / "address")
        for result in (_CNI / "results").glob(f"*-{task.name}-*"):
            result.unlink(missing_ok=True)
    for result in (_CNI / "results").glob("slipway-*"):
        result.unlink(missing_ok=True)
    for link in _LOG_LINKS.iterdir() if _LOG_LINKS.is_dir() else ():
        if link.is_symlink() and places.state in Path(os.readlink(link)).parents:
            link.unlink(missing_ok=True)
    _remove_made(places.state / "made.json")


def _remove_socket(address: Path) -> None:
    with contextlib.suppress(OSError):
        socket = Path(address.read_text().strip().removeprefix("unix://"))
        if _SHIM_SOCKETS in socket.parents:
            socket.unlink(missing_ok=True)


def _remove_made(note: Path) -> None:
    """Directories that were not there before us; another program's files in them keep them."""
    try:
        made = [Path(path) for path in json.loads(note.read_text())]
    except (FileNotFoundError, ValueError):
        return
    for top in made:
        if top == _KUBELET:
            (top / "device-plugins" / "kubelet.sock").unlink(missing_ok=True)
            (top / "device-plugins" / "kubelet_internal_checkpoint").unlink(missing_ok=True)
        if top == _CNI:
            shutil.rmtree(top / "cache", ignore_errors=True)
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
