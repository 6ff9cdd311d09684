"""Deterministic layers: the same tree gives the same digest, whoever packs it, wherever and whenever.

What varies between two machines is taken out: order of directory entries, times, owners, umask, the compressor's
header. What an image needs is kept: paths, contents, symbolic links, whether a file is executable.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

# Measured on 197 MB of wheels: level 1 takes 3.9 s of CPU (62.4 MB), 3 takes 4.0 s (59.0 MB), 6 takes 7.0 s (54.1 MB).
_LEVEL = 3
# A gzip file may consist of members; blocks of fixed size become members, so that two threads compress at once and
# the result depends on neither their number nor their speed.
_BLOCK = 8 << 20


@dataclass(frozen=True)
class Layer:
    """One packed layer: `digest` of the compressed bytes (what a registry stores), `diff_id` of the tar inside."""

    digest: str
    diff_id: str
    size: int
    path: Path
    created_by: str = "slipway"


def layer_from_tree(
    root: Path,
    prefix: str,
    destination: Path,
    exclude: Callable[[PurePosixPath], bool] | None = None,
    preserve: bool = False,
    created_by: str = "slipway",
) -> Layer:
    """Packs the tree below `root` so that it appears below `/prefix` in an image, into the file `destination`.

    `exclude` is asked with each path relative to `root`. `preserve` keeps numeric owners, all mode bits and hard
    links, which a root file system needs (setuid programs, `/tmp`); otherwise everything belongs to root, is readable
    by all, writable by its owner, and executable where its owner could execute it. Devices, sockets and pipes are
    left out: a container runtime makes its own.
    """
    with packing(destination) as (archive, sink):
        _add_parents(archive, prefix)
        _add_tree(archive, root, prefix, exclude or (lambda _: False), preserve)
    return Layer(sink.digest, sink.diff_id, sink.size, destination, created_by)


@contextmanager
def packing(destination: Path) -> Iterator[tuple[tarfile.TarFile, GzipSink]]:
    """An archive that is packed into the file `destination`; its sink knows size and digests after the block."""
    with destination.open("wb") as file:
        sink = GzipSink(file)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as archive:  # type: ignore[call-overload]
            yield archive, sink
        sink.close()


def _add_parents(archive: tarfile.TarFile, prefix: str) -> None:
    parts = PurePosixPath(prefix.strip("/")).parts
    for depth in range(1, len(parts) + 1):
        entry = tarfile.TarInfo("/".join(parts[:depth]))
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)


def _add_tree(
    archive: tarfile.TarFile, root: Path, prefix: str, exclude: Callable[[PurePosixPath], bool], preserve: bool
) -> None:
    linked: dict[tuple[int, int], str] = {}
    for relative in _walk(root, PurePosixPath(), exclude):
        path = root / relative
        status = path.lstat()
        entry = tarfile.TarInfo(str(PurePosixPath(prefix.strip("/")) / relative))
        if not _describe(entry, path, status, preserve):
            continue
        if entry.type != tarfile.REGTYPE:
            archive.addfile(entry)
            continue
        first = linked.setdefault((status.st_dev, status.st_ino), entry.name)
        if preserve and first != entry.name:
            entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, first, 0
            archive.addfile(entry)
            continue
        with path.open("rb") as content:
            archive.addfile(entry, content)


def _walk(root: Path, below: PurePosixPath, exclude: Callable[[PurePosixPath], bool]) -> Iterator[PurePosixPath]:
    """All paths below `root`, parents first, siblings by the bytes of their names (no locale in it)."""
    for name in sorted(os.listdir(root / below), key=os.fsencode):
        relative = below / name
        if exclude(relative):
            continue
        yield relative
        if (root / relative).is_dir() and not (root / relative).is_symlink():
            yield from _walk(root, relative, exclude)


def _describe(entry: tarfile.TarInfo, path: Path, status: os.stat_result, preserve: bool) -> bool:
    """Fills type, mode, size and owner of `entry`; False for what no layer should hold."""
    kind = status.st_mode
    if stat.S_ISLNK(kind):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
    elif stat.S_ISDIR(kind):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    elif stat.S_ISREG(kind):
        entry.size, entry.mode = status.st_size, 0o755 if kind & stat.S_IXUSR else 0o644
    else:
        return False
    if preserve:
        entry.uid, entry.gid = status.st_uid, status.st_gid
        if not stat.S_ISLNK(kind):
            entry.mode = stat.S_IMODE(kind)
    return True


class GzipSink:
    """A file that compresses what is written into gzip members, hashing both sides on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._plain = hashlib.sha256()
        self._packed = hashlib.sha256()
        self._waiting = bytearray()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="gzip")
        self._members: list[Future[bytes]] = []
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._packed.hexdigest()

    @property
    def diff_id(self) -> str:
        return "sha256:" + self._plain.hexdigest()

    def write(self, content: bytes) -> int:
        self._plain.update(content)
        self._waiting += content
        while len(self._waiting) >= _BLOCK:
            self._submit(bytes(self._waiting[:_BLOCK]))
            del self._waiting[:_BLOCK]
        return len(content)

    def close(self) -> None:
        if self._waiting or not (self.size or self._members):
            self._submit(bytes(self._waiting))
        while self._members:
            self._store(self._members.pop(0))
        self._workers.shutdown()

    def _submit(self, block: bytes) -> None:
        self._members.append(self._workers.submit(_member, block))
        if len(self._members) > 3:  # bounds memory: four blocks and their packed forms
            self._store(self._members.pop(0))

    def _store(self, member: Future[bytes]) -> None:
        packed = member.result()
        self._packed.update(packed)
        self.size += len(packed)
        self._file.write(packed)


def _member(block: bytes) -> bytes:
    """One gzip member: zlib's own header carries no name and time 0."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(block) + packer.flush()
