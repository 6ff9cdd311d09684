"""The lineage of a version: the rows that the first one was made from, and each batch that was learnt since, in order.

It travels in the model directory as `slipway/lineage.json`, so the model's digest covers it. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.features.decision import digest as canonical

from slipway_pipelines.columns import Columns
from slipway_pipelines.split import Splits

if TYPE_CHECKING:
    import pandas as pd

LINEAGE = "slipway/lineage.json"
_FORMAT = 1


class LineageError(ValueError):
    """A lineage that cannot be read."""


@dataclass(frozen=True)
class Span:
    """Rows and the times of the oldest and the newest of them, as ISO 8601."""

    rows: int
    since: str
    until: str


@dataclass(frozen=True)
class Version:
    """A registered version and the digest of its model."""

    model: str
    version: str
    digest: str

    @property
    def uri(self) -> str:
        """As spec.incremental.base names it."""
        return f"models:/{self.model}/{self.version}"


@dataclass(frozen=True)
class Learnt:
    """A batch that a version has learnt from. `digest` is that of its rows; `judged` of them were predicted first."""

    digest: str
    rows: int
    judged: int
    since: str
    until: str


@dataclass(frozen=True)
class Lineage:
    """What a version has learnt.

    Attributes:
        estimator: as the manifest of the first version names it.
        data: digest of the rows that the first version's run has read.
        trained: rows that the first version was fitted on.
        seen: time of the newest row that the first version's run has used for anything, a test included.
        validation: rows that validated it, None where they cannot be told from others by their time.
        first: the first version; None in its own lineage, which cannot name the digest that covers it.
        base: the version before this one; None in the first one's lineage.
        batches: all of them, in order.
    """

    estimator: str
    data: str
    trained: int
    seen: str
    validation: Span | None
    first: Version | None = None
    base: Version | None = None
    batches: tuple[Learnt, ...] = ()

    @property
    def end(self) -> str:
        """Time of the newest row that counts as seen: what is continued begins after it."""
        return self.batches[-1].until if self.batches else self.seen

    @property
    def digest(self) -> str:
        """That of the first model and of the batches in their order: the same ones have the same digest."""
        origin = self.first.digest if self.first is not None else [self.data, self.trained, self.seen]
        return canonical([_FORMAT, origin, [one.digest for one in self.batches]])

    def continued(self, base: Version, batches: Sequence[Learnt]) -> Lineage:
        """The lineage of a version that has learnt these batches on top of `base`, whose lineage this is."""
        return replace(self, first=self.first or base, base=base, batches=(*self.batches, *batches))

    def document(self) -> dict[str, Any]:
        """What the file holds."""
        return {"format": _FORMAT, **asdict(self), "digest": self.digest}

    @classmethod
    def read(cls, text: str) -> Lineage:
        """Back from the file.

        Raises:
            LineageError: it is none that this version knows, or its parts differ from its digest.
        """
        try:
            told = json.loads(text)
            if told["format"] != _FORMAT:
                raise LineageError(f"{LINEAGE}: format {told['format']!r} is not known; this version reads {_FORMAT}")
            found = cls(
                str(told["estimator"]), str(told["data"]), int(told["trained"]), str(told["seen"]),
                _read(Span, told["validation"]), _read(Version, told["first"]), _read(Version, told["base"]),
                tuple(Learnt(**one) for one in told["batches"]),
            )  # fmt: skip
        except LineageError:
            raise
        except (ValueError, LookupError, TypeError) as error:
            raise LineageError(f"{LINEAGE}: {type(error).__name__}: {error}") from error
        if told.get("digest") != found.digest:
            raise LineageError(f"{LINEAGE}: its parts differ from its digest")
        return found


def _read(kind: Any, told: Mapping[str, Any] | None) -> Any:
    return None if told is None else kind(**told)


def first_lineage(columns: Columns, parts: Splits, by: str, estimator: str, data: str) -> Lineage | None:
    """The lineage of a version that was trained in full; None without a timestamp, by which new rows are told from old.

    Its test rows count as seen, although it has learnt nothing from them: whoever learnt them later could not be
    compared with it any more.

    Args:
        by: of the split; only that by Time makes a validation window that holds validation rows alone.
        data: digest of the rows that were read.
    """
    if columns.timestamp is None:
        return None
    newest = max(part[columns.timestamp].max() for part in (parts.train, parts.validation, parts.test) if len(part))
    held = span(parts.validation, columns.timestamp) if by == "Time" and len(parts.validation) else None
    return Lineage(estimator, data, len(parts.train), newest.isoformat(), held)


def span(rows: pd.DataFrame, timestamp: str) -> Span:
    """Count and times of rows; there must be some."""
    return Span(len(rows), rows[timestamp].min().isoformat(), rows[timestamp].max().isoformat())


def in_order(rows: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Rows by time; those of one instant by their content, so that the order of files changes no model."""
    assert columns.timestamp is not None
    order = np.lexsort((_hashes(rows, columns), rows[columns.timestamp].astype(np.int64).to_numpy()))
    ordered: pd.DataFrame = rows.iloc[order].reset_index(drop=True)
    return ordered


def digest_of(rows: pd.DataFrame, columns: Columns) -> str:
    """`sha256:` over features, label and roles of rows in this order."""
    return f"sha256:{hashlib.sha256(_hashes(rows, columns).astype('<u8').tobytes()).hexdigest()}"


def _hashes(rows: pd.DataFrame, columns: Columns) -> np.ndarray:
    import pandas as pd

    named = list(dict.fromkeys((*columns.features, *columns.roles)))
    return np.asarray(pd.util.hash_pandas_object(rows[named], index=False), np.uint64)
