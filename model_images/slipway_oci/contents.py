"""Single files of an image, read from its layers as they stream by; nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from slipway_oci.errors import UnsupportedImage
from slipway_oci.registry import Registry

_LARGEST_FILE = 16 << 20
_BUFFER = 1 << 20
_HIDDEN = ".wh."
_HIDES_ALL = ".wh..wh..opq"


def read_files(
    registry: Registry, repository: str, layers: Sequence[Mapping[str, Any]], wanted: Callable[[str], bool]
) -> dict[str, bytes]:
    """The regular files of an image whose path (without a leading slash) is `wanted`, as its layers leave them.

    A file over 16 MiB is passed over. Raises UnsupportedImage for layers that are neither tar nor gzip, OciError.
    """
    found: dict[str, bytes] = {}
    for layer in layers:
        _apply(
            _Stream(registry.stream_blob(repository, layer["digest"])), str(layer.get("mediaType", "")), wanted, found
        )
    return found


def _apply(stream: _Stream, media_type: str, wanted: Callable[[str], bool], found: dict[str, bytes]) -> None:
    if media_type.endswith("zstd"):
        raise UnsupportedImage("A layer is packed with zstd, which this Python cannot read")
    packed = io.BufferedReader(stream, _BUFFER)
    # Not tarfile's own gzip, which ends with the first member of several.
    unpacked: Any = gzip.GzipFile(fileobj=packed) if media_type.endswith("gzip") else packed
    try:
        with tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
                if path.name.startswith(_HIDDEN):
                    _hide(path, found)
                elif member.isreg() and member.size <= _LARGEST_FILE and wanted(str(path)):
                    content = archive.extractfile(member)
                    found[str(path)] = content.read() if content else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UnsupportedImage(f"A layer is no archive: {error}") from error
    stream.drain()


def _hide(path: PurePosixPath, found: dict[str, bytes]) -> None:
    """A whiteout (OCI Image Specification, "Whiteouts") takes away what layers below hold."""
    gone = path.parent if path.name == _HIDES_ALL else path.parent / path.name.removeprefix(_HIDDEN)
    for name in [name for name in found if PurePosixPath(name).is_relative_to(gone)]:
        del found[name]


class _Stream(io.RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = next(self._chunks, b"")
        taken = self._left[: len(buffer)]
        self._left = self._left[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def drain(self) -> None:
        """To the end, so that the digest of the bytes is checked."""
        for _ in self._chunks:
            pass
