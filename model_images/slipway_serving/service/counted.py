"""Requests that wait to be counted: numpy's cost is by call, not by row, so they are counted many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.classlabels import ClassLabels

Columns = Sequence[Sequence[Any]]


class Counted(NamedTuple):
    """One answered request; `columns` are its values, a list per input of the model; None where it was refused."""

    origin: Origin
    status: int
    seconds: float
    answer: Answer | None = None
    columns: Columns | None = None


def codes(requests: Sequence[Counted]) -> Counter[str]:
    """How many answers by class of status, as `2xx`."""
    found: Counter[str] = Counter()
    for status, count in Counter(one.status for one in requests).items():
        found[f"{status // 100}xx"] += count
    return found


def seconds(requests: Sequence[Counted]) -> NDArray[np.float64]:
    """How long each took."""
    return np.fromiter((one.seconds for one in requests), np.float64, len(requests))


def classes(requests: Sequence[Counted], labels: ClassLabels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The place among the labels of each prediction's class; and the number of predictions of each request."""
    found = [() if one.answer is None or one.answer.classes is None else one.answer.classes for one in requests]
    sizes = np.fromiter(map(len, found), np.intp, len(found))
    if not len(labels) or not sizes.any():
        return np.empty(0, np.intp), np.zeros(len(found), np.intp)
    return labels.places[np.concatenate([one for one in found if len(one)])], sizes


def joined(requests: Sequence[Counted]) -> list[list[Any]]:
    """The values of all rows of all requests that have any: a list per input."""
    all_columns = [one.columns for one in requests if one.columns is not None]
    if not all_columns:
        return []
    return [list(chain.from_iterable(values)) for values in zip(*all_columns, strict=True)]
