"""The requests that a model is proven with, handed over by its own server: only that knows its example and its schema.

Never over HTTP: an example may be a row of somebody's data. A file in a volume that two containers of one pod share.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from slipway_serving.service.model import ServedModel
from slipway_serving.service.protocol import describe_inputs
from slipway_serving.service.schema import Form, Schema
from slipway_serving.service.tensors import TensorInput
from slipway_serving.service.typical import example_row, profile_rows

REQUESTS = "requests.json"
LOG = "server.log"


def hand_over(model: ServedModel, directory: Path, place: Path) -> None:
    """Writes `requests.json` into `place`: whose rows they are, and the bodies of both protocols. Raises OSError."""
    description = yaml.safe_load((directory / "MLmodel").read_text())
    example = example_row(directory, description, model.schema)
    rows = [example] if example else profile_rows(model.schema, model.profile)
    source = "Example" if example else "Profile" if model.profile.features else "Zeros"
    document = {
        "source": source,
        "v1": [{"instances": instances(model.schema, row)} for row in rows],
        "v2": [{"inputs": tensors(model.schema, row)} for row in rows],
    }
    unfinished = place / f".{REQUESTS}"
    unfinished.write_text(json.dumps(document))
    os.replace(unfinished, place / REQUESTS)


def instances(schema: Schema, columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The instances of a V1 request, from a list of values per column."""
    rows = [[_plain(value) for value in row] for row in zip(*columns, strict=True)]
    if schema.form is Form.TENSOR:
        return [row[0] for row in rows]
    if schema.form in (Form.MATRIX, Form.NAMELESS_FRAME):
        return rows
    return [dict(zip((column.name for column in schema.columns), row, strict=True)) for row in rows]


def tensors(schema: Schema, columns: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """The tensors of a V2 request: one matrix for inputs that go by position, else one for each input."""
    size = len(columns[0])
    if schema.form in (Form.MATRIX, Form.NAMELESS_FRAME):
        shape, data = [size, len(columns)], instances(schema, columns)
        return [{"name": "inputs", "shape": shape, "datatype": describe_inputs(schema)[0]["datatype"], "data": data}]
    found = []
    for column, values, described in zip(schema.columns, columns, describe_inputs(schema), strict=True):
        extents = list(np.shape(values[0])) if isinstance(column, TensorInput) else []
        data = [_plain(value) for value in values]
        found.append({"name": column.name, "shape": [size, *extents], "datatype": described["datatype"], "data": data})
    return found


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, bool | int | float | str | list) or value is None else str(value)
