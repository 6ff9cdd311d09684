"""Directories of files, on a mounted volume or in S3: listed, opened, written whole or not at all."""

from __future__ import annotations

import fnmatch
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

from slipway_serving.scoring.faults import ScoringFault

TEMPORARY = "_temporary-"
_PATTERN = re.compile(r"[*?\[]")
_FINAL_ANSWERS = re.compile(
    r"ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY|SIGNATURE|FORBIDDEN|HTTP status 40[13]", re.I
)


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
        final = isinstance(error, PermissionError) or _FINAL_ANSWERS.search(str(error)) is not None
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
        pattern (`_matches`). Names that begin with _ or . are left out."""
        with answering(self.uri):
            if not _PATTERN.search(self.path):
                found = [one for one in self.store.list(self.path) if one.path == self.path or _is_data(one, self.path)]
            else:
                fixed = self.path[: _PATTERN.search(self.path).start()].rpartition("/")[0]  # type: ignore[union-attr]
                listed = self.store.list(fixed)
                found = [one for one in listed if _matches(one.path, self.path) and not _hidden(one, fixed)]
        return sorted(found)


def _hidden(file: FileState, root: str) -> bool:
    return any(part[:1] in ("_", ".") for part in file.path.removeprefix(root).split("/"))


def _is_data(file: FileState, root: str) -> bool:
    return file.path.endswith(".parquet") and not _hidden(file, root)


def _matches(path: str, pattern: str) -> bool:
    """Part by part: `*` is some of a name, a part `**` any number of directories, and at the end any file below."""
    parts, wanted = path.split("/"), pattern.split("/")
    reached = {0}  # how many parts may be matched so far
    for one in [*wanted, "*"] if wanted[-1] == "**" else wanted:
        if one == "**":
            reached = set(range(min(reached, default=len(parts)), len(parts)))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatch.fnmatchcase(parts[at], one)}
    return len(parts) in reached


def locate(uri: str, data: Path, credentials: Mapping[str, str]) -> Location:
    """The place of file:///data/… or s3://…. Raises ScoringFault for a path that leaves the volume."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        with answering(uri):
            return Location(uri, ObjectStore(_s3(credentials)), (parts.netloc + unquote(parts.path)).rstrip("/"))
    below = unquote(parts.path).removeprefix("/data/")
    path = data / below
    fixed = _PATTERN.split(str(path))[0]
    if parts.scheme != "file" or not Path(fixed).resolve().is_relative_to(data.resolve()):
        raise ScoringFault("PathInvalid", f"{uri} is not below file:///data/, where the volume is mounted")
    return Location(uri, VolumeStore(), str(path).rstrip("/"))


def _s3(credentials: Mapping[str, str]) -> Any:
    from pyarrow import fs

    endpoint = urlsplit(credentials.get("AWS_ENDPOINT_URL", ""))
    return fs.S3FileSystem(
        access_key=credentials.get("AWS_ACCESS_KEY_ID"),
        secret_key=credentials.get("AWS_SECRET_ACCESS_KEY"),
        session_token=credentials.get("AWS_SESSION_TOKEN"),
        region=credentials.get("AWS_REGION") or credentials.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        tls_ca_file_path=_authority(credentials.get("ca.crt", "")),
        connect_timeout=10,
        request_timeout=60,
    )


def _authority(certificates: str) -> str | None:
    """A file with the certificates of a private authority, which Arrow wants by its path."""
    if not certificates:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".crt", delete=False) as file:
        file.write(certificates)
    return file.name


def credentials_of(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The keys of one store's Secret, which the pod has as variables with a prefix."""
    return {name.removeprefix(prefix): value for name, value in environment.items() if name.startswith(prefix)}
