"""The test ledger: which test rows have been looked at before. Overlap counts, not an equal digest.

Pure. `tracking` keeps the openings; here they are compared.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd

KEPT = 2048  # hashes of a sketch: test sets up to this size are compared exactly, larger ones within about 2%
_COUNTS_FROM = 0.05
_FEWEST = 20
_SKETCH, _ROWS, _FIRST, _LAST = "slipway.sketch", "slipway.rows", "slipway.first", "slipway.last"
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class TestSet:
    """A sketch of the events of a test set: the smallest hashes of their identities (KMV; Beyer et al. 2007).

    `first` and `last` are the times of its oldest and newest row, as ISO 8601; empty without a timestamp.
    """

    hashes: Hashes
    rows: int
    first: str = ""
    last: str = ""

    __test__ = False  # no test class, whatever pytest takes it for

    def tags(self) -> dict[str, str]:
        """The texts that keep it."""
        packed = base64.b64encode(self.hashes.astype("<u8").tobytes()).decode()
        return {_SKETCH: packed, _ROWS: str(self.rows), _FIRST: self.first, _LAST: self.last}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> TestSet:
        """The sketch that `tags` keep."""
        hashes = np.frombuffer(base64.b64decode(tags[_SKETCH]), "<u8").astype(np.uint64)
        return cls(hashes, int(tags[_ROWS]), tags.get(_FIRST, ""), tags.get(_LAST, ""))


@dataclass(frozen=True)
class Opening:
    """One look at test rows. `number` orders openings of a task; `run` names the TrainingRun."""

    number: int
    run: str
    uid: str
    test_set: TestSet


def sketch(test: pd.DataFrame, columns: Columns) -> TestSet:
    """The sketch of a test set: events are told apart by the id, or without one by all features and the label."""
    named = [columns.id] if columns.id is not None else [*columns.features, columns.label]
    texts = ("\x1f".join(map(str, row)) for row in test[named].itertuples(index=False, name=None))
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    hashes = np.unique(np.frombuffer(digests, "<u8").astype(np.uint64))[:KEPT]
    if columns.timestamp is None:
        return TestSet(hashes, len(test))
    instants = test[columns.timestamp]
    return TestSet(hashes, len(test), instants.min().isoformat(), instants.max().isoformat())


def overlap(mine: TestSet, other: TestSet) -> float:
    """The share of my events that the other set has; NaN where the sketches cannot say."""
    if mine.last and other.last and (mine.last < other.first or other.last < mine.first):
        return 0.0
    reach = min(_reach(mine), _reach(other))
    within = mine.hashes[mine.hashes <= reach]
    if len(within) < min(_FEWEST, len(mine.hashes)):
        return float("nan")
    return float(np.isin(within, other.hashes).mean()) if len(within) else float("nan")


def _reach(one: TestSet) -> int:
    """Up to which hash the sketch is complete."""
    return int(one.hashes[-1]) if len(one.hashes) >= KEPT else int(np.iinfo(np.uint64).max)


def counted(mine: TestSet, earlier: Iterable[Opening]) -> list[Opening]:
    """The openings that count against another one: at least 5% of the rows were in them, or nobody knows how many."""
    return [one for one in earlier if not overlap(mine, one.test_set) < _COUNTS_FROM]


def permit(found: Sequence[Opening], allowed: int) -> None:
    """Raises DataFault where openings that count are more than `spec.allow.testReuse` allows."""
    if len(found) > allowed:
        by = ", ".join(one.run for one in found[-3:])
        message = (
            f"rows of this test set have been opened {len(found)} times before, last by {by}; allowed are {allowed}. "
            "Test on newer rows, or set spec.allow.testReuse, which is recorded"
        )
        raise DataFault("TestSetOpened", message)


def opened_until(earlier: Iterable[Opening], allowed: int) -> str:
    """Up to which time rows may have been looked at more than `allowed` times; empty where none have.

    A sketch tells of a set how much of it was opened, not which rows: of any opening all rows up to its newest count.
    """
    newest = sorted((one.test_set.last for one in earlier if one.test_set.last), reverse=True)
    return newest[allowed] if len(newest) > allowed else ""
