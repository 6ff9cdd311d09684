"""Folds of the training rows: each scored by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns

if TYPE_CHECKING:
    import pandas as pd

Positions = NDArray[np.intp]
Fold = tuple[Positions, Positions]
AUTO, AUTO_BELOW = 5, 10_000
"""Folds that `folds: Auto` makes, and the number of labelled rows from which one validation part is enough."""


def number_of_folds(asked: int | str, rows: int) -> int:
    """Folds of a run over `rows` labelled rows; 0 is none."""
    if asked == "Auto":
        return AUTO if rows < AUTO_BELOW else 0
    return int(asked)


def folds(train: pd.DataFrame, columns: Columns, by_time: bool, count: int, numbers: bool = False) -> Iterator[Fold]:
    """(positions to fit on, positions to score), `count` times or fewer.

    Under a split by time each fold is scored by earlier rows only. An entity's rows stay together. Classes have their
    share in every fold, unless one has fewer rows than there are folds: then there are none.

    Args:
        numbers: the label is a number, and has no classes.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    label = train[columns.label]
    if by_time:
        yield from _forward(train[columns.timestamp], count)
    elif columns.entity is not None and train[columns.entity].nunique() >= count:
        chosen = GroupKFold(count) if numbers else StratifiedGroupKFold(count, shuffle=True, random_state=0)
        yield from chosen.split(train, label, train[columns.entity])
    elif columns.entity is None and (numbers or label.value_counts().min() >= count):
        splitter = KFold if numbers else StratifiedKFold
        yield from splitter(count, shuffle=True, random_state=0).split(train, label)


def _forward(instants: pd.Series, count: int) -> Iterator[Fold]:
    """Blocks of equal size by time, each scored by all before it; rows of one instant share the earlier block."""
    rank = instants.rank(method="min").to_numpy() - 1
    block = np.floor(rank * (count + 1) / len(rank)).astype(int)
    for number in range(1, count + 1):
        fit, held = np.flatnonzero(block < number), np.flatnonzero(block == number)
        if len(fit) and len(held):
            yield fit, held
