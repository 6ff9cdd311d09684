"""Debian's Buildah with the libraries that a base image lacks, as a layer: an image with it builds images."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from slipway_oci import Layer

from tests.cluster.errors import ClusterError
from tests.cluster.layers import LayerCache

PROGRAM = Path("/usr/bin/buildah")
# Buildah starts itself anew without its environment, so that no variable can name another folder. The loader looks here
# after Debian's own folders: what the base has is taken from there.
_LIBRARIES = "usr/lib"
# Of the C library itself, which the program must find as the base has it.
_BASE_LIBRARIES = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv))\.so\..*")
_LIBRARY = re.compile(r"=> (/\S+)")


def installed() -> bool:
    """Whether this machine has it: the embedded cluster installs it, others may do without."""
    return os.access(PROGRAM, os.X_OK)


@functools.cache
def key() -> str:
    """Names the content of the layer."""
    digest = hashlib.sha256()
    for path in (PROGRAM, *_libraries()):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def layer(cache: LayerCache) -> Layer:
    """The program at /usr/local/bin, its libraries at /usr/lib. Raises ClusterError."""

    def fill(tree: Path, log: Path) -> None:
        for folder, files in (("usr/local/bin", [PROGRAM]), (_LIBRARIES, _libraries())):
            (tree / folder).mkdir(parents=True)
            for path in files:
                shutil.copyfile(path, tree / folder / path.name)
                (tree / folder / path.name).chmod(0o755)

    return cache.get(f"buildah-{key()}", "layer of buildah", fill, prefix="")


def _libraries() -> list[Path]:
    done = subprocess.run(["/usr/bin/ldd", str(PROGRAM)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"ldd {PROGRAM} failed: {done.stderr[:300]}", "install Debian's package buildah anew")
    found = [Path(path) for path in _LIBRARY.findall(done.stdout)]
    return sorted(path for path in found if not _BASE_LIBRARIES.fullmatch(path.name))
