"""Directories of files, on a mounted volume or in S3: listed, opened, written whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

from slipway.files.patterns import directory_of, ends, is_pattern, matches
from slipway.files.s3 import path_of, refused, s3

from slipway_serving.scoring.faults import ScoringFault

TEMPORARY = "_temporary-"
_TABLES = (".parquet",)


@dataclass(frozen=True, order=True)
class FileState:
    """One file as listed; another size or time of change means another content."""

    path: str
    size: int
    changed: int


class Store(Protocol):
    """What a run needs of a file system; paths are absolute within it."""

    def list(self, directory: str) -> list[FileState]:
        """All files below a directory, or the one file of that path; empty where there is none."""

    def state(self, path: str) -> FileState | None:
        """One file, or None."""

    def open(self, path: str) -> IO[bytes]:
        """A seekable stream."""

    def write(self, path: str, content: bytes) -> None:
        """Makes the file appear with all of its content, or not at all."""

    def clean(self, directory: str) -> None:
        """Removes what writers that were killed have left."""


@contextmanager
def answering(where: str) -> Iterator[None]:
    """Turns what a store refuses into a fault that names the place."""
    try:
        yield
    except FileNotFoundError as error:
        raise ScoringFault("FileMissing", f"{where}: {error}") from error
    except OSError as error:
        final = refused(error)
        raise ScoringFault("AccessDenied" if final else "StoreUnavailable", f"{where}: {error}", not final) from error


class VolumeStore:
    """The mounted volume. A file is written under a temporary name, synced and renamed."""

    def list(self, directory: str) -> list[FileState]:
        root = Path(directory)
        if root.is_file():
            return [self._state(root)]
        return [self._state(path) for path in root.rglob("*") if path.is_file()]

    def state(self, path: str) -> FileState | None:
        try:
            return self._state(Path(path))
        except FileNotFoundError:
            return None

    def open(self, path: str) -> IO[bytes]:
        return Path(path).open("rb")

    def write(self, path: str, content: bytes) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        written = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        with written.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def clean(self, directory: str) -> None:
        for left in Path(directory).glob(f"{TEMPORARY}*"):
            left.unlink(missing_ok=True)

    @staticmethod
    def _state(path: Path) -> FileState:
        found = path.stat()
        return FileState(str(path), found.st_size, found.st_mtime_ns)


class ObjectStore:
    """S3 by pyarrow: an object appears when its last byte has arrived."""

    def __init__(self, files: Any) -> None:
        """`files` is a `pyarrow.fs.FileSystem`."""
        self._files = files

    def list(self, directory: str) -> list[FileState]:
        from pyarrow import fs

        found = self._files.get_file_info(directory)
        if found.type is fs.FileType.File:
            return [_as_state(found)]
        selector = fs.FileSelector(directory, recursive=True, allow_not_found=True)
        return [_as_state(one) for one in self._files.get_file_info(selector) if one.type is fs.FileType.File]

    def state(self, path: str) -> FileState | None:
        from pyarrow import fs

        found = self._files.get_file_info(path)
        return _as_state(found) if found.type is fs.FileType.File else None

    def open(self, path: str) -> IO[bytes]:
        opened: IO[bytes] = self._files.open_input_file(path)
        return opened

    def write(self, path: str, content: bytes) -> None:
        with self._files.open_output_stream(path) as stream:
            stream.write(content)
        found = self.state(path)
        if found is None or found.size != len(content):
            raise OSError(f"{path} has {found.size if found else 0} of {len(content)} bytes after it was written")

    def clean(self, directory: str) -> None:
        """Nothing: what is not complete is no object."""


def _as_state(found: Any) -> FileState:
    return FileState(found.path, found.size, found.mtime_ns or 0)


@dataclass(frozen=True)
class Location:
    """A URI as a place in a store."""

    uri: str
    store: Store
    path: str

    def below(self, name: str) -> str:
        """The path of a file or directory below."""
        return f"{self.path.rstrip('/')}/{name}"

    def files(self) -> list[FileState]:
        """The Parquet files that the URI means, sorted: the file itself, all below a directory, or those that match a
        pattern. Names that begin with _ or . are left out."""
        with answering(self.uri):
            if not is_pattern(self.path):
                found = [
                    one
                    for one in self.store.list(self.path)
                    if one.path == self.path or ends(one.path, self.path, (".parquet",))
                ]
            else:
                listed = self.store.list(directory_of(self.path))
                found = [one for one in listed if matches(one.path, self.path)]
        return sorted(found)


def locate(uri: str, data: Path, credentials: Mapping[str, str]) -> Location:
    """The place of file:///data/… or s3://…. Raises ScoringFault for a path that leaves the volume."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        with answering(uri):
            return Location(uri, ObjectStore(s3(credentials)), path_of(uri))
    below = unquote(parts.path).removeprefix("/data/")
    path = data / below
    fixed = directory_of(str(path)) if is_pattern(str(path)) else str(path)
    if parts.scheme != "file" or not Path(fixed).resolve().is_relative_to(data.resolve()):
        raise ScoringFault("PathInvalid", f"{uri} is not below file:///data/, where the volume is mounted")
    return Location(uri, VolumeStore(), str(path).rstrip("/"))


def credentials_of(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The keys of one store's Secret, which the pod has as variables with a prefix."""
    return {name.removeprefix(prefix): value for name, value in environment.items() if name.startswith(prefix)}
