"""A layer that another tool made, packed anew so that the same content gives the same digest.

Taken out is what differs between two runs of a package manager: times, logs, caches, lists, backups of its records,
compiled bytecode (it holds the source's time), and what a tool leaves where it mounts things.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from slipway_oci.errors import UnsupportedImage
from slipway_oci.layers import Layer, packing

# Below these nothing is kept but the folders themselves.
_EMPTIED = ("dev", "proc", "run", "sys", "tmp", "var/cache", "var/log", "var/tmp", "var/lib/apt/lists", "root/.cache")
_DROPPED = re.compile(
    r"(.*/)?__pycache__(/.*)?|etc/(hostname|hosts|resolv\.conf|mtab|machine-id|\.pwd\.lock|ld\.so\.cache~)"
    r"|etc/(passwd|group|shadow|gshadow|subuid|subgid)-|var/lib/dpkg/([^/]*-old|lock[^/]*|triggers/Lock)"
    r"|var/lib/apt/(lists/.*|periodic/.*)|var/lib/systemd/.*"
)
_KEPT = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)


def repack(
    source: IO[bytes], destination: Path, wanted: Callable[[str], bool], created_by: str
) -> tuple[Layer, dict[str, bytes]]:
    """Writes the layer `source` (a tar, with gzip or without) anew to the file `destination`.

    Everything belongs to root and has time 0; modes, links and whiteouts stay; devices go. Returns the layer, and the
    content of regular files whose path is `wanted` (not many, they are held in memory). Raises UnsupportedImage.
    """
    noted: dict[str, bytes] = {}
    with packing(destination) as (target, sink):
        try:
            for entry, content in _entries(source):
                if entry.isreg() and wanted(entry.name) and content is not None:
                    noted[entry.name] = content.read()
                    content = io.BytesIO(noted[entry.name])
                target.addfile(entry, content)
        except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
            raise UnsupportedImage(f"A layer is no archive: {error}") from error
    return Layer(sink.digest, sink.diff_id, sink.size, destination, created_by), noted


def _entries(source: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(fileobj=source, mode="r|*") as archive:
        for member in archive:
            name = _name(member.name)
            if member.type in _KEPT and name and not _left_out(name):
                yield _plain(member, name), archive.extractfile(member) if member.isreg() else None


def _name(text: str) -> str:
    """The path without a slash at its beginning or end. Raises ValueError for one that leaves the root."""
    path = PurePosixPath(text.lstrip("/"))
    if ".." in path.parts:
        raise ValueError(f"{text!r} leaves the root")
    return "" if str(path) == "." else str(path)


def _left_out(name: str) -> bool:
    return _DROPPED.fullmatch(name) is not None or any(name.startswith(f"{folder}/") for folder in _EMPTIED)


def _plain(member: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    """The entry without times, owners and extended attributes."""
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.REGTYPE if member.isreg() else member.type
    entry.size = member.size if member.isreg() else 0
    entry.mode = 0o777 if member.issym() else member.mode & 0o7777
    entry.linkname = _name(member.linkname) if member.islnk() else member.linkname
    return entry
