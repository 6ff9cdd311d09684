"""The files of a commit, written out: plain files alone, within bounds."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo

from slipway_pipelines.faults import DataFault

MOST_FILES = 20_000
MOST_BYTES = 128 << 20
_MOST_DEPTH = 50
_FIELD = "spec.trainer.function.git"


@dataclass
class _Left:
    """What may still be written."""

    files: int = MOST_FILES
    size: int = MOST_BYTES

    def take(self, size: int) -> None:
        self.files, self.size = self.files - 1, self.size - size
        if self.files < 0 or self.size < 0:
            message = f"the commit has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB: keep data out of it"
            raise DataFault("CodeTooLarge", message)


def checkout(repository: Repo, commit: Commit, place: Path) -> tuple[str, ...]:
    """Writes the files; returns what was left out: links and submodules, by their paths.

    Raises:
        DataFault: more than the bounds allow, or a path that leads elsewhere.
    """
    place.mkdir(parents=True)
    skipped: list[str] = []
    _write(repository, commit.tree, place, _Left(), skipped, 0)
    return tuple(skipped)


def _write(repository: Repo, tree: ObjectID, place: Path, left: _Left, skipped: list[str], depth: int) -> None:
    held = repository.object_store[tree]
    if not isinstance(held, Tree) or depth > _MOST_DEPTH:
        raise DataFault("CodeUnreadable", f"{place.name}: no directory, or one below {_MOST_DEPTH} others")
    for entry in held.items():
        target = place / _name(entry.path)
        if stat.S_ISDIR(entry.mode):
            left.take(0)
            target.mkdir()
            _write(repository, entry.sha, target, left, skipped, depth + 1)
            continue
        found = repository.object_store[entry.sha] if stat.S_ISREG(entry.mode) else None
        if not isinstance(found, Blob):  # a symbolic link could lead out of the tree, a submodule to another server
            skipped.append(target.name)
            continue
        left.take(found.raw_length())
        target.write_bytes(found.data)


def _name(raw: bytes) -> str:
    """One part of a path. Names that mean something else than themselves are refused."""
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise DataFault("CodeUnreadable", f"a file is called {raw!r}, which is no UTF-8") from error
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name or name.lower() == ".git":
        raise DataFault("CodeUnreadable", f"a file of the commit is called {name!r}")
    return name


def apply_difference(text: str, digest: str, place: Path) -> None:
    """What a work tree had beyond the commit: files with their contents, and those that were removed.

    Raises:
        DataFault: the document is not the one that the run names, or is none.
    """
    found = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    if found != digest:
        message = f"{_FIELD}.difference.digest is {digest}, and the ConfigMap holds {found}: make the run anew"
        raise DataFault("DifferenceChanged", message)
    try:
        files = {str(path): content for path, content in json.loads(text)["files"].items()}
        for path, content in files.items():
            target = place.joinpath(*(_name(part.encode()) for part in PurePosixPath(path).parts))
            if content is None:
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content, validate=True))
    except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        raise DataFault("DifferenceUnreadable", f"{_FIELD}.difference: {type(error).__name__}: {error}") from error
