"""What each answer to a row would be worth, by `ModelTask.spec.value`: a column of the rows, or a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from slipway.api.v1alpha1.modeltask import ModelTaskSpec

from slipway_pipelines.columns import Columns, Worth, carried
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics.base import Floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def worth_of(task: ModelTaskSpec, sources: Mapping[str, str]) -> Worth | None:
    """The task's own; None without one.

    Args:
        sources: the data's columns of features that are called otherwise.
    """
    if task.value is None:
        return None

    def one(text: str) -> str | float:
        try:
            return float(text)
        except ValueError:
            return sources.get(text, text)

    asked = task.value
    return one(asked.true_positive), one(asked.false_positive), one(asked.true_negative), one(asked.false_negative)


def worths(table: pd.DataFrame, columns: Columns) -> Floats | None:
    """Shape (rows, 4), in the order of `Worth`; None where the task has no value."""
    if columns.worth is None:
        return None
    known = [table[carried(one)].to_numpy(float) if isinstance(one, str) else one for one in columns.worth]
    return np.column_stack([np.broadcast_to(one, len(table)) for one in known])


def check_worth(values: pd.Series, name: str) -> None:
    """Raises DataFault where a row has no number: what an answer to it is worth is unknown, and so is their sum."""
    absent = int(values.isna().sum())
    if absent:
        message = (
            f"column {name!r} says what an answer is worth (spec.value of the task), but {absent} of {len(values)} "
            "rows have no number in it: fill them, or leave these rows out"
        )
        raise DataFault("ValueIncomplete", message)
