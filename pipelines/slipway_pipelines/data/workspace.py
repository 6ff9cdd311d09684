"""What a step hands over, kept on the run's volume: a pod that starts anew goes on where the last one ended.

A step's outcome lies under the digest of all that it was made from, with the digests of its own files. Only Parquet and
JSON are written: a volume may be shared, and a pickle would run whatever somebody else has put there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway_pipelines.faults import TransientFault

if TYPE_CHECKING:
    import pandas as pd

VARIABLE = "SLIPWAY_WORKSPACE"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class HandedOver:
    """Tables by name, and a document beside them."""

    tables: Mapping[str, pd.DataFrame]
    document: Mapping[str, Any]


class Workspace:
    """The directory of one run; without one nothing is kept, and nothing is found."""

    def __init__(self, root: Path | None, run: str) -> None:
        self._directory = root / run if root is not None else None

    @classmethod
    def of(cls, environment: Mapping[str, str], run: str) -> Workspace:
        """That of the volume which the pod has, if it has one."""
        root = environment.get(VARIABLE)
        return cls(Path(root) if root else None, run)

    def find(self, step: str, made_from: Any) -> HandedOver | None:
        """What the step handed over for the very same input; None where there is nothing whole."""
        import pandas as pd

        place = self._place(step, made_from)
        manifest = _manifest(place) if place is not None else None
        if place is None or manifest is None:
            return None
        for name, digest in manifest["files"].items():
            if not (place / name).exists() or _digest(place / name) != digest:
                return None
        tables = {Path(name).stem: pd.read_parquet(place / name) for name in manifest["files"]}
        print(f"{step}: found what an earlier pod has done", flush=True)
        return HandedOver(tables, manifest["document"])

    def keep(self, step: str, made_from: Any, handed: HandedOver) -> None:
        """Writes what the step hands over; it appears whole or not at all. What Parquet cannot hold is not kept."""
        from pyarrow import ArrowException

        place = self._place(step, made_from)
        if place is None:
            return
        written = place.with_name(f"_{uuid.uuid4().hex}")
        try:
            written.mkdir(parents=True)
            for name, table in handed.tables.items():
                table.to_parquet(written / f"{name}.parquet", index=False)
            files = {f"{name}.parquet": _digest(written / f"{name}.parquet") for name in handed.tables}
            text = json.dumps({"files": files, "document": handed.document}, sort_keys=True)
            (written / _MANIFEST).write_text(text)
            shutil.rmtree(place, ignore_errors=True)
            os.replace(written, place)
        except ArrowException as error:  # such as numbers and texts in one column, which two sources may well have
            shutil.rmtree(written, ignore_errors=True)
            print(f"{step}: a pod that starts anew does it again, since Parquet cannot hold it: {error}", flush=True)
        except OSError as error:
            shutil.rmtree(written, ignore_errors=True)
            if (place / _MANIFEST).exists():  # another pod of the same run was faster
                return
            raise TransientFault("WorkspaceUnavailable", f"the workspace of the run: {error}") from error

    def remove(self) -> None:
        """The run has ended well: nobody goes on from here."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _place(self, step: str, made_from: Any) -> Path | None:
        if self._directory is None:
            return None
        text = json.dumps(made_from, sort_keys=True, default=str)
        return self._directory / f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _manifest(place: Path) -> dict[str, Any] | None:
    """None where there is none, or half of one: a node that died may have left it empty."""
    try:
        found: dict[str, Any] = json.loads((place / _MANIFEST).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
