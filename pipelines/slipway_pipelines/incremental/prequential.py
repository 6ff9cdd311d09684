"""Test, then learn: each row is predicted by a model that could have known the labels of what it has learnt by then.

Prequential evaluation (Dawid 1984; Gama, Sebastião, Rodrigues 2013) with delayed labels (Grzenda, Gomes, Bifet 2020).
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.evaluate import Frozen
from slipway_pipelines.fit import noted
from slipway_pipelines.metrics import Rows

if TYPE_CHECKING:
    import pandas as pd

CHUNKS = 20
_FEWEST = 64  # rows of a chunk: fewer make many tiny steps of what a batch can do in one


@dataclass(frozen=True)
class Tested:
    """The answers to the rows that were predicted before they were learnt, as a model that `evaluate` can judge.

    `table` are these rows in the order of `answers`; `model` has learnt all rows.
    """

    model: Frozen
    table: pd.DataFrame
    answers: Rows | None
    warnings: tuple[str, ...] = ()

    @property
    def columns(self) -> Columns:
        """Columns by role."""
        return self.model.columns

    @property
    def task_type(self) -> str:
        """Type of the task."""
        return self.model.task_type

    def rows(self, table: pd.DataFrame) -> Rows:
        """What was answered; `table` must be the tested rows, since no model that could answer again is left."""
        if self.answers is None or not table.equals(self.table):
            raise ValueError("a prequential evaluation has the answers to its own rows alone")
        return self.answers


def predict_then_learn(
    base: Frozen, batches: Sequence[pd.DataFrame], judged_after: pd.Timestamp | None, delay: float
) -> Tested:
    """A copy of the base that has learnt the batches, with what it said of each row before.

    Args:
        batches: each in the order of time, and later than the one before.
        judged_after: rows up to this instant are learnt only, since another run has been judged by them; None: none.
        delay: seconds after which a label is known: a chunk is learnt before another only if it is older by so much.

    Raises:
        DataFault: the estimator refuses the rows.
    """
    import pandas as pd

    columns = base.columns
    model = replace(base, pipeline=copy.deepcopy(base.pipeline))
    waiting: deque[pd.DataFrame] = deque()
    tables: list[pd.DataFrame] = []
    answers: list[Rows] = []
    warnings: list[str] = []
    for chunk in (chunk for batch in batches for chunk in _chunks(batch, str(columns.timestamp))):
        known = chunk[columns.timestamp].min() - pd.Timedelta(delay, unit="s")
        while waiting and waiting[0][columns.timestamp].max() < known:
            warnings += _learn(model, waiting.popleft())
        judged = chunk if judged_after is None else chunk[chunk[columns.timestamp] > judged_after]
        if len(judged):
            tables.append(judged)
            answers.append(model.rows(judged))
        waiting.append(chunk)
    for chunk in waiting:
        warnings += _learn(model, chunk)
    table = pd.concat(tables, ignore_index=True) if tables else batches[0].iloc[:0]
    return Tested(model, table, _joined(answers) if answers else None, tuple(dict.fromkeys(warnings)))


def _learn(model: Frozen, chunk: pd.DataFrame) -> tuple[str, ...]:
    """One pass over the rows; preprocessing stays as it was fitted."""
    features, estimator = model.pipeline[:-1], model.pipeline[-1]
    inputs, label = chunk[list(model.columns.features)], chunk[model.columns.label]
    return noted(lambda: estimator.partial_fit(features.transform(inputs), label), type(estimator).__name__)


def _chunks(batch: pd.DataFrame, timestamp: str) -> Iterator[pd.DataFrame]:
    """Parts of nearly equal size; rows of one instant stay together."""
    size = max(_FEWEST, math.ceil(len(batch) / CHUNKS))
    first = batch[timestamp].rank(method="min").to_numpy() - 1
    codes = (first // size).astype(np.int64)
    for code in np.unique(codes):
        yield batch[codes == code]


def _joined(parts: Sequence[Rows]) -> Rows:
    """Rows one below the other."""
    by_rule = [part.by_rule for part in parts if part.by_rule is not None]
    worth = [part.worth for part in parts if part.worth is not None]
    return Rows(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        np.concatenate([part.scores for part in parts]),
        parts[0].positive,
        by_rule=np.concatenate(by_rule) if by_rule else None,
        worth=np.concatenate(worth) if worth else None,
    )
