"""Values of a request, a list per input, as the object that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.schema import Column, Form, Schema
from slipway_serving.service.tensors import TensorInput

DTYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}


def build_table(schema: Schema, columns: Sequence[list[Any]]) -> Any:
    """A DataFrame, a matrix, an array or a dictionary of arrays, by the schema's form."""
    if schema.form is Form.MATRIX:
        return np.array(columns, DTYPES[schema.columns[0].type]).T
    if schema.form in (Form.TENSOR, Form.TENSORS):
        stacked = {one.name: np.stack(values) for one, values in zip(schema.columns, columns, strict=True)}
        return stacked if schema.form is Form.TENSORS else next(iter(stacked.values()))
    import pandas as pd  # a matrix model never needs it, and it costs a second to import

    arrays = {one.name: _array(one, values) for one, values in zip(schema.columns, columns, strict=True)}
    frame = pd.DataFrame(arrays, copy=False)
    if schema.form is Form.NAMELESS_FRAME:
        frame.columns = pd.RangeIndex(len(arrays))
    return frame


def _array(column: Column | TensorInput, values: list[Any]) -> NDArray[Any]:
    if column.type == "datetime":
        return np.array(values, "datetime64[ns]")
    dtype = DTYPES.get(column.type, "object")
    missing = any(value is None or value != value for value in values)
    if missing and dtype not in ("float64", "float32"):
        dtype = "float64" if column.numeric else "object"
    return np.array(values, dtype)
