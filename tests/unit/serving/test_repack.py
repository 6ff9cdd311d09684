"""Layers of another tool: packed anew without what differs between two runs, and read as a stranger's data."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway_oci import (
    DigestMismatch,
    ImageConfig,
    ImageReference,
    Registry,
    UnsupportedImage,
    image_from_layers,
    layer_from_tree,
    read_layout,
    repack,
    resolve_platform,
    sha256_digest,
    write_layout,
)

from tests.unit.serving.trees import write_tree

Entry = tuple[str, bytes, bytes, str]
"""Name, type, content, target of a link."""


def archive(entries: list[Entry], time: float = 0.0, owner: int = 0) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as target:
        for name, kind, content, link in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname, entry.mode = kind, len(content), link, 0o4755
            entry.mtime, entry.uid, entry.uname = time, owner, f"user{owner}"
            target.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def unpacked(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as found:
        return {entry.name: entry for entry in found}


def file(name: str, content: bytes = b"x") -> Entry:
    return (name, tarfile.REGTYPE, content, "")


ENTRIES = [
    ("usr", tarfile.DIRTYPE, b"", ""),
    file("./usr/bin/tool"),
    ("usr/bin/again", tarfile.LNKTYPE, b"", "usr/bin/tool"),
    ("usr/bin/link", tarfile.SYMTYPE, b"", "/usr/bin/tool"),
    file("usr/lib/.wh.gone", b""),
    file("var/lib/dpkg/status", b"Package: a\n"),
]
VARIES = [
    file("var/log/dpkg.log"),
    file("var/cache/apt/pkgcache.bin"),
    file("var/lib/dpkg/status-old"),
    file("var/lib/apt/lists/deb"),
    file("etc/passwd-"),
    file("etc/resolv.conf"),
    file("usr/lib/python3/__pycache__/a.pyc"),
    file("tmp/left"),
    ("usr/null", tarfile.CHRTYPE, b"", ""),
]


def test_what_varies_goes_and_the_rest_stays(tmp_path: Path) -> None:
    layer, noted = repack(
        io.BytesIO(archive([*ENTRIES, *VARIES], 1e9, 33)), tmp_path / "l", lambda name: name.endswith("status"), "by"
    )
    found = unpacked(tmp_path / "l")
    names = ["usr", "usr/bin/tool", "usr/bin/again", "usr/bin/link", "usr/lib/.wh.gone", "var/lib/dpkg/status"]
    assert list(found) == names
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in found.values()} == {(0, 0, 0, "")}
    assert found["usr/bin/tool"].mode == 0o4755
    assert (found["usr/bin/again"].linkname, found["usr/bin/link"].linkname) == ("usr/bin/tool", "/usr/bin/tool")
    assert noted == {"var/lib/dpkg/status": b"Package: a\n"}
    assert layer.size == (tmp_path / "l").stat().st_size


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 4e9), st.integers(0, 70000), st.booleans())
def test_time_owner_and_logs_change_nothing(time: float, owner: int, more: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "l"
        plain = repack(io.BytesIO(archive(ENTRIES)), target, lambda _: False, "by")[0].digest
        other = archive([*ENTRIES, *(VARIES if more else [])], time, owner)
        assert repack(io.BytesIO(other), target, lambda _: False, "by")[0].digest == plain


@pytest.mark.parametrize(
    "content", [archive([file("../../etc/passwd")]), archive([file("usr/../../x")]), b"no archive" * 100]
)
def test_a_layer_that_leaves_the_root_or_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        repack(io.BytesIO(content), tmp_path / "l", lambda _: False, "by")


def copied(registry: Registry, home: Path) -> Path:
    layer = layer_from_tree(write_tree(home / "tree", {"etc/one": b"1"}), "", home / "one.tgz")
    target = ImageReference(registry.host, "layout/one", "1")
    image_from_layers(registry, target, [layer], ImageConfig(env={"A": "1"}))
    manifest = resolve_platform(registry, target, ("linux", "amd64"))
    write_layout(registry, "layout/one", manifest, home / "layout", "one")
    return home / "layout"


def test_an_image_of_a_registry_is_read_from_its_layout(registry: Registry, tmp_path: Path) -> None:
    found = read_layout(copied(registry, tmp_path))
    assert found.config["config"]["Env"] == ["A=1"]
    (layer,) = found.layers
    with found.open(layer) as content:
        assert sha256_digest(content.read()) == layer["digest"]


def manifest_blob(layout: Path) -> Path:
    (listed,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return layout / "blobs/sha256" / listed["digest"].removeprefix("sha256:")


def test_a_layout_with_other_bytes_links_or_pipes_is_refused(registry: Registry, tmp_path: Path) -> None:
    layout = copied(registry, tmp_path)
    blob, kept = manifest_blob(layout), manifest_blob(layout).read_bytes()
    blob.write_bytes(kept + b" ")
    with pytest.raises(DigestMismatch):
        read_layout(layout)
    (tmp_path / "elsewhere").write_bytes(kept)
    for replace in (lambda: blob.symlink_to(tmp_path / "elsewhere"), lambda: os.mkfifo(blob)):
        blob.unlink()
        replace()
        with pytest.raises(UnsupportedImage):
            read_layout(layout)


@pytest.mark.parametrize("digest", ["../../../../etc/passwd", "sha256:../../etc/passwd", ""])
def test_a_digest_that_is_none_opens_no_file(registry: Registry, tmp_path: Path, digest: str) -> None:
    with pytest.raises(UnsupportedImage):
        read_layout(copied(registry, tmp_path)).open({"digest": digest})
