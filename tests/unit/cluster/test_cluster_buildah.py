"""The layer with Buildah: it runs where the base has the C library and what Debian's essential packages bring."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.cluster import buildah
from tests.cluster.layers import LayerCache
from tests.cluster.progress import Progress

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(not buildah.installed(), reason="the Debian package buildah is not installed"),
]


def test_it_holds_the_program_and_every_library_but_those_of_the_c_library(tmp_path: Path) -> None:
    layer = buildah.layer(LayerCache(tmp_path, Progress(io.StringIO())))
    with tarfile.open(layer.path) as archive:
        archive.extractall(tmp_path / "tree", filter="data")
    program = tmp_path / "tree/usr/local/bin/buildah"
    held = {path.name for path in (tmp_path / "tree/usr/lib").iterdir()}
    needed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    others = {line.split()[0] for line in needed.splitlines() if "=>" in line} - held
    assert {"libgpgme.so.11", "libdevmapper.so.1.02.1"} <= held
    assert others <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2"}
    assert "version" in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
