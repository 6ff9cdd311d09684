"""What of a model is counted: which labels, buckets and slices its series have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slipway.features.slices import SliceColumn

from slipway_serving.service.profile import ReferenceFeature


@dataclass(frozen=True)
class Countable:
    """`classes` label predictions, `deciders` who answered (the last is the model); `scores` is the reference of
    the model's scores, None for a model without one; `predicted` counts held-out predictions in the order of the
    classes, and is empty where they are not known. `holdout_rules` is how many rules answer entities that are held
    out, 0 for a model that cannot hold out.

    `measured` and `sliced` read the model's inputs, a list of values for each: as a column per feature, its number or
    its category's index, NaN where it is missing; and as a column per slice column, its value's index.
    """

    classes: tuple[str, ...] = ()
    features: tuple[ReferenceFeature, ...] = ()
    scores: ReferenceFeature | None = None
    deciders: tuple[str, ...] = ()
    slices: tuple[SliceColumn, ...] = ()
    predicted: tuple[float, ...] = ()
    holdout_rules: int = 0
    measured: Callable[[Sequence[list[Any]]], NDArray[np.float64]] = lambda columns: np.array(columns, np.float64).T
    sliced: Callable[[Sequence[list[Any]]], NDArray[np.intp]] = lambda columns: np.empty((len(columns[0]), 0), np.intp)
