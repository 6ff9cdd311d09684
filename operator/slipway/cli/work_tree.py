"""The state of a person's work tree, as the `git` program tells it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 512 << 10
"""Of a difference as it is sent: a ConfigMap holds 1 MiB."""


class Unusable(Exception):
    """A work tree from which no run is made; the message says why, and what mends it."""


@dataclass(frozen=True)
class WorkTree:
    """One work tree.

    Attributes:
        head: the full id of the commit that is checked out.
        pushed: whether a branch of a remote has it, as far as the last fetch or push knows.
        changed: paths of tracked files that differ from it, relative to the root; those that are gone as well.
    """

    root: Path
    head: str
    pushed: bool
    changed: tuple[str, ...]

    @classmethod
    def read(cls, place: Path) -> WorkTree:
        """The one that `place` lies in. Raises Unusable."""
        root = Path(_git(place, "rev-parse", "--show-toplevel").strip())
        head = _git(root, "rev-parse", "--verify", "HEAD^{commit}").strip()
        pushed = bool(_git(root, "branch", "--remotes", "--contains", head).strip())
        names = _git(root, "diff", "--name-only", "--no-renames", "-z", "HEAD")
        return cls(root, head, pushed, tuple(sorted(filter(None, names.split("\0")))))

    def difference(self) -> Difference:
        """The files that differ, with their contents. Raises Unusable where they are too many or no plain files."""
        files: dict[str, str | None] = {}
        for path in self.changed:
            file = self.root / path
            if file.is_symlink() or file.is_dir():
                raise Unusable(f"{path} is a link or a submodule, which is not sent: commit it")
            files[path] = base64.b64encode(file.read_bytes()).decode() if file.exists() else None
        text = json.dumps({"files": files}, sort_keys=True)
        if len(text) > MOST_BYTES:
            sizes = sorted(files, key=lambda path: -len(files[path] or ""))[:3]
            message = (
                f"the difference takes {len(text) >> 10} KiB of at most {MOST_BYTES >> 10}: commit {', '.join(sizes)}"
            )
            raise Unusable(message)
        return Difference(text)


@dataclass(frozen=True)
class Difference:
    """What a work tree has beyond its commit, as one document: {files: {path: base64, or null of one that is gone}}."""

    text: str

    @property
    def digest(self) -> str:
        """Of the document."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    def config_map(self, run: Mapping[str, str]) -> dict[str, Any]:
        """The manifest that keeps it; `run` is the metadata of its TrainingRun."""
        metadata: dict[str, Any] = {"name": f"{run['name']}-difference"}
        if run.get("namespace"):
            metadata["namespace"] = run["namespace"]
        data = {"difference.json": self.text}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "data": data}


def _git(place: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(place), *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unusable(f"the program git is needed: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        remedy = "run the command in the work tree of the code, or name it with --work-tree"
        raise Unusable(f"git {words[0]} in {place}: {said}; {remedy}")
    return done.stdout
