"""What a run reads, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slipway.api.v1alpha1.training_data import Source as Declared

if TYPE_CHECKING:
    import pandas as pd

ORIGIN = "slipway:origin"
"""Column with the origin of each row; absent where no source declares one."""

BATCH = "slipway:batch"
"""Column with the number of each row's batch, 0 for rows of the run's sources; absent where no batch is given."""

SYNTHETIC = "Synthetic"
LABELS = "SLIPWAY_LABELS_"
"""What stands before the keys of the Secret of late labels in the variables of the pod."""


@dataclass(frozen=True)
class Source:
    """One source: files by `uri`, or rows of `query` by the database whose URL `credentials` hold as `url`.

    `batch` is the number of a batch that a run continues a version with; 0 for the run's sources.
    """

    name: str
    uri: str = ""
    query: str = ""
    origin: str = ""
    exposure_note: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    batch: int = 0

    @property
    def place(self) -> str:
        """How messages and records name it; never with credentials."""
        return self.uri or f"the query of source {self.name!r}"


@dataclass(frozen=True)
class File:
    """One file of a source as it was read. `digest` is `sha256:` over the content, after gunzip."""

    source: str
    uri: str
    digest: str
    size: int


@dataclass(frozen=True)
class Acquired:
    """A table with its origin. `digest` is that of one file, or of the digests of several in their order.

    `available` are the names of all columns of the sources; the table has those alone that the task names.
    """

    table: pd.DataFrame
    uri: str
    digest: str
    size: int
    files: tuple[File, ...] = ()
    available: tuple[str, ...] = ()


def prefix_of(position: int) -> str:
    """What stands before the keys of a source's Secret in the variables of the pod."""
    return f"SLIPWAY_SOURCE_{position}_"


def read_source(declared: Declared, position: int, environment: Mapping[str, str]) -> Source:
    """A source of the manifest with the credentials that the pod has for it."""
    prefix = prefix_of(position)
    return Source(
        declared.name,
        declared.uri or "",
        declared.sql.query if declared.sql is not None else "",
        declared.origin or "",
        declared.exposure_note or "",
        {name.removeprefix(prefix): value for name, value in environment.items() if name.startswith(prefix)},
    )
