"""A layer is a function of its tree alone."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway_oci import layer_from_tree
from slipway_oci.layers import _BLOCK

from tests.unit.serving.trees import write_tree

names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30
)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    chosen = draw(st.dictionaries(paths, st.binary(max_size=200), max_size=8))
    return {p: c for p, c in chosen.items() if not any(q.startswith(p + "/") for q in chosen) and len(p.encode()) < 200}


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(
    tree=trees(), uid=st.integers(1, 60000), when=st.integers(0, 2**31), umask=st.sampled_from([0o022, 0o077, 0o002])
)
def test_root_user_clock_and_umask_do_not_matter(
    tmp_path_factory: object, tree: dict[str, bytes], uid: int, when: int, umask: int
) -> None:
    home: Path = tmp_path_factory.mktemp("two")  # type: ignore[attr-defined]
    one = write_tree(home / "one", tree)
    one.mkdir(exist_ok=True)
    previous = os.umask(umask)
    try:
        two = home / "elsewhere" / "two"
        two.mkdir(parents=True)
        write_tree(two, dict(reversed(tree.items())))
    finally:
        os.umask(previous)
    for path in two.rglob("*"):
        os.chown(path, uid, uid) if os.geteuid() == 0 else None
        os.utime(path, (when, when))
    first = layer_from_tree(one, "opt/model", home / "1.tgz")
    second = layer_from_tree(two, "/opt/model/", home / "2.tgz")
    assert (first.digest, first.diff_id, first.size) == (second.digest, second.diff_id, second.size)


def test_entries_are_normalised(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "root", {"b/run.sh": b"x", "a": b"1", "a.txt": b"2", "b/secret": b"3"})
    (root / "b/run.sh").chmod(0o700)
    (root / "b/secret").chmod(0o600)
    (root / "link").symlink_to("b/run.sh")
    os.mkfifo(root / "pipe")
    layer = layer_from_tree(root, "opt/x", tmp_path / "l.tgz", exclude=lambda p: p.name == "a.txt")
    with tarfile.open(layer.path) as archive:
        seen = [(entry.name, oct(entry.mode), entry.uid, entry.mtime, entry.linkname) for entry in archive]
    assert seen == [
        ("opt", "0o755", 0, 0, ""),
        ("opt/x", "0o755", 0, 0, ""),
        ("opt/x/a", "0o644", 0, 0, ""),
        ("opt/x/b", "0o755", 0, 0, ""),
        ("opt/x/b/run.sh", "0o755", 0, 0, ""),
        ("opt/x/b/secret", "0o644", 0, 0, ""),
        ("opt/x/link", "0o777", 0, 0, "b/run.sh"),
    ]


def test_preserve_keeps_what_a_root_file_system_needs(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "root", {"bin/su": b"x"})
    (root / "bin/su").chmod(0o4755)
    (root / "bin/zu").hardlink_to(root / "bin/su")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    layer = layer_from_tree(root, "", tmp_path / "l.tgz", preserve=True)
    with tarfile.open(layer.path) as archive:
        entries = {entry.name: entry for entry in archive}
    assert entries["bin/su"].mode == 0o4755
    assert entries["tmp"].mode == 0o1777
    assert entries["bin/zu"].islnk()
    assert entries["bin/zu"].linkname == "bin/su"


def test_digests_are_those_of_the_bytes_over_several_blocks(tmp_path: Path) -> None:
    content = os.urandom(_BLOCK) + bytes(5 * _BLOCK + 17)
    layer = layer_from_tree(write_tree(tmp_path / "root", {"weights": content}), "m", tmp_path / "l.tgz")
    packed = layer.path.read_bytes()
    assert layer.size == len(packed)
    assert layer.digest == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert layer.diff_id == "sha256:" + hashlib.sha256(gzip.decompress(packed)).hexdigest()
