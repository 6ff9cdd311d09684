"""Rows to score, a small model, and one run of the real command in this process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from slipway_serving.scoring.__main__ import main
from slipway_serving.service.model import ServedModel, load_model

from tests.unit.serving.models import save_sklearn


def rows(count: int, **columns: Sequence[Any]) -> pa.Table:
    """Payments, each of its own amount."""
    return pa.table(
        {
            "payment": pa.array([f"p{index}" for index in range(count)]),
            "amount": pa.array([index % 97 / 97 for index in range(count)], pa.float64()),
            "country": pa.array([("it", "de", "fr")[index % 3] for index in range(count)]),
            "note": pa.array([index * 10 for index in range(count)]),
            **columns,
        }
    )


class Volume:
    """What is mounted at /data, with a model beside it."""

    def __init__(self, root: Path, model: Path) -> None:
        self.data, self.model, self.root = root / "data", model, root
        self.data.mkdir(parents=True)
        self.log = root / "termination-log"

    def write(self, table: pa.Table, name: str = "in/rows.parquet", **options: Any) -> Path:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, **options)
        return path

    def environment(self, revision: str = "aaaaaaaaaa", **asked: Any) -> dict[str, str]:
        request = {
            "input": "file:///data/in/",
            "output": "file:///data/out",
            "keys": ["payment"],
            "rowsPerPart": 100,
            **asked,
        }
        return {
            "SLIPWAY_SCORING": json.dumps(request),
            "SLIPWAY_DATA": str(self.data),
            "SLIPWAY_SPOOL": str(self.root / "spool"),
            "SLIPWAY_MODEL": str(self.model),
            "SLIPWAY_REVISION": revision,
            "SLIPWAY_VERSION": "7",
            "SLIPWAY_ROLLOUT": "ns/fraud",
            "SLIPWAY_TERMINATION_LOG": str(self.log),
        }

    def of_process(self, **asked: Any) -> dict[str, str]:
        """The environment of a process of its own."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **self.environment(**asked)}

    def score(self, revision: str = "aaaaaaaaaa", **asked: Any) -> tuple[int, dict[str, Any]]:
        """Exit code and what the pod said last."""
        code = main(self.environment(revision, **asked))
        return code, json.loads(self.log.read_text())

    def scored(self, **asked: Any) -> Path:
        """The directory of a run that must succeed."""
        code, said = self.score(**asked)
        assert code == 0, said
        return self.data / said["scored"]["output"].removeprefix("file:///data/")


def contents(directory: Path) -> dict[str, bytes]:
    """All parts, byte by byte."""
    return {path.name: path.read_bytes() for path in sorted(directory.glob("part-*"))}


def table(directory: Path) -> pa.Table:
    """The scores as a reader of Parquet sees them."""
    return pa.concat_tables(pq.read_table(path) for path in sorted(directory.glob("part-*")))


def model_in(directory: Path) -> Path:
    return save_sklearn(directory)


def served(model: Path) -> ServedModel:
    return load_model(model)
