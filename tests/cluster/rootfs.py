"""The tree of the base image: Debian's own packages, unpacked by debootstrap, without what no container reads."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.packages import program

SUITE = "bookworm"
INCLUDED = ("ca-certificates", "libgomp1", "python3", "python3-venv")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
USER = 65532
# Raise it when the steps below change, since they are part of what the tree is made from.
_RECIPE = 2
_UNREAD = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/cache/debconf",
    "var/lib/apt/lists",
    "var/log",
)
_OF_THIS_MACHINE = ("etc/hostname", "etc/machine-id", "etc/resolv.conf")


def key() -> str:
    """Names the inputs. The machine's authorities are one: pods must trust what the machine trusts."""
    inputs = repr((_RECIPE, SUITE, INCLUDED, USER, hashlib.sha256(CA_BUNDLE.read_bytes()).hexdigest()))
    return hashlib.sha256(inputs.encode()).hexdigest()[:12]


def make(tree: Path, log: Path) -> None:
    """Fills the empty directory `tree`; takes a minute, most of it download. Raises ClusterError."""
    debootstrap = program("/usr/sbin/debootstrap")
    command = [debootstrap, "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, str(tree)]
    mirror = os.environ.get("SLIPWAY_DEBIAN_MIRROR")
    with log.open("wb") as output:
        done = subprocess.run([*command, *([mirror] if mirror else [])], stdout=output, stderr=output, check=False)
    if done.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise ClusterError(
            f"debootstrap failed: {' '.join(last)[:300]}",
            f"read {log}; is a Debian mirror reachable? Another one can be named in SLIPWAY_DEBIAN_MIRROR",
        )
    _strip(tree)
    _add_user(tree)
    shutil.copyfile(CA_BUNDLE, tree / "etc/ssl/certs/ca-certificates.crt")


def _strip(tree: Path) -> None:
    for name in _UNREAD:
        for path in sorted((tree / name).iterdir()) if (tree / name).is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for name in _OF_THIS_MACHINE:
        (tree / name).write_bytes(b"")
    for cache in tree.glob("usr/lib/python3*/**/__pycache__"):
        # dpkg compiled these with times in them, which a layer does not keep: they would be compiled anew each time.
        shutil.rmtree(cache)


def _add_user(tree: Path) -> None:
    for name, line in (
        ("passwd", f"nonroot:x:{USER}:{USER}::/tmp:/usr/sbin/nologin\n"),
        ("group", f"nonroot:x:{USER}:\n"),
    ):
        with (tree / "etc" / name).open("a") as file:
            file.write(line)
