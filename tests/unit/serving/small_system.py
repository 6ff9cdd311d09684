"""A root file system that is large enough for a shell, and an apt-get that is a script.

The real apt, its archive and its packages are tested on the cluster (tests/e2e/test_buildah.py); here Buildah and the
registry are real. The script does what packages do that makes builds differ or fail: it gives a file to another
user, writes logs and backups with the time, keeps dpkg's records.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from slipway_oci import ImageConfig, ImageReference, Registry, image_from_layers, layer_from_tree

# What a pod of level `restricted` has: no capability, and none to be had. Root may map itself with this one only.
UNPRIVILEGED = ["setpriv", "--no-new-privs", "--bounding-set=-all,+setfcap"] if os.geteuid() == 0 else []
_PROGRAMS = ("sh", "cat", "chown", "date", "mkdir", "test", "chmod", "id", "sleep")
_LIBRARY = re.compile(r"(/\S+\.so\S*)")
_APT = """#!/bin/sh
set -eu
case "$1" in update) echo "Get:1 the lists"; exit 0;; esac
shift
for name in "$@"; do
  case "$name" in
    -*) continue;;
    no-such-package) echo "E: Unable to locate package $name" >&2; exit 100;;
    far-away) echo "Err:1 Temporary failure resolving 'archive.example.com'" >&2; exit 100;;
    broken) echo "dpkg: error processing package broken" >&2; exit 100;;
  esac
  mkdir -p /usr/share/$name /var/log/apt /var/cache/apt /var/lib/dpkg
  cat $APT_CONFIG > /usr/share/$name/apt.conf
  echo "content of $name" > /usr/share/$name/file
  chown 33:33 /usr/share/$name/file
  chmod 4755 /usr/share/$name/file
  date +%N > /var/log/apt/history.log
  date +%N > /var/cache/apt/pkgcache.bin
  date +%N > /etc/passwd-
  printf 'Package: %s\\nStatus: install ok installed\\n' $name >> /var/lib/dpkg/status
  printf 'Architecture: amd64\\nVersion: 1.2-3\\n\\n' >> /var/lib/dpkg/status
done
"""


def push_base(registry: Registry, home: Path, repository: str, apt: bool = True) -> ImageReference:
    """Pushes the image; with `apt=False` its shell finds no apt-get."""
    root = home / "root"
    for name in _PROGRAMS:
        _add(root, Path(shutil.which(name) or f"/bin/{name}"), f"usr/bin/{name}")
    for folder in ("bin", "lib", "lib64"):
        (root / folder).symlink_to(f"usr/{folder}")
    for folder in ("etc", "proc", "sys", "dev", "run", "tmp", "var/lib/dpkg", "var/log"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n")
    (root / "usr/lib/os-release").write_text("ID=debian\n")
    if apt:
        (root / "usr/bin/apt-get").write_text(_APT)
        (root / "usr/bin/apt-get").chmod(0o755)
    layer = layer_from_tree(root, "", home / "root.tgz")
    config = ImageConfig(env={"PATH": "/usr/bin"}, user="65532")
    target = ImageReference(registry.host, repository, "1")
    return target.at(image_from_layers(registry, target, [layer], config))


def _add(root: Path, program: Path, place: str) -> None:
    """A program with its libraries, each where the loader looks for it."""
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    for library in _LIBRARY.findall(said):
        _copy(Path(library), root / "usr" / re.sub(r"^/(usr/)?", "", library))
    _copy(program, root / place)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source.resolve(), target)
    target.chmod(0o755)
