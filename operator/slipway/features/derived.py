"""Features computed from others by expressions: the first step of a fitted Pipeline, hence the same in serving."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway.features.evaluation import values
from slipway.features.expressions import Kind, Node, parse_value, used_features

if TYPE_CHECKING:
    import pandas as pd


def with_expressions(frame: pd.DataFrame, expressions: Mapping[str, str], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """The frame with a column for each expression, in their order; one may use those before it.

    Args:
        expressions: text by the name of the feature that it makes.
        kinds: of the frame's columns that may be used, number or text.
    """
    known = dict(kinds)
    columns: dict[str, NDArray[Any]] = {}
    for name, text in expressions.items():
        node = _parsed(text, tuple(known.items()))
        for used in used_features(node) - columns.keys():
            columns[used] = frame[used].to_numpy(float if known[used] == "number" else object)
        columns[name] = values(node, columns, len(frame))
        known[name] = "number"
    made = {name: np.asarray(columns[name], np.float64) for name in expressions}
    return frame.assign(**made)


@lru_cache(maxsize=1000)
def _parsed(text: str, kinds: tuple[tuple[str, Kind], ...]) -> Node:
    """A request must not pay for the parser again."""
    return parse_value(text, dict(kinds))
