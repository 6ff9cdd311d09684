"""A row that any model should survive: its own input example, else what its profile calls usual, else zeros."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.schema import Column, Schema
from slipway_serving.service.table import DTYPES
from slipway_serving.service.tensors import TensorInput

ROWS = 16
"""How many different rows a model is timed with."""


def typical_row(schema: Schema, profile: Profile) -> list[list[Any]]:
    """One instance, or as many as the model takes at once: a list of values per input."""
    reference = profile.named()
    return [[_typical(column, reference.get(column.name))] * (schema.batch or 1) for column in schema.columns]


def profile_rows(schema: Schema, profile: Profile) -> list[list[list[Any]]]:
    """Different rows made of the values that the profile knows, the usual row first; that one alone without a profile.

    They need not be likely together: they are for a model to be timed with, not judged by.
    """
    reference = profile.named()
    count = ROWS if any(column.name in reference for column in schema.columns) else 1
    dice = random.Random(7)
    return [
        [
            [_typical(column, reference.get(column.name), dice.randrange(1000) if row else 0)] * (schema.batch or 1)
            for column in schema.columns
        ]
        for row in range(count)
    ]


def example_row(directory: Path, description: Mapping[str, Any], schema: Schema) -> list[list[Any]] | None:
    """The first instance of the example that MLflow saved with the model; None without one that can be read.

    MLflow keeps the example as its own server would be sent it ("Model Input Example").
    """
    path = (description.get("saved_input_example_info") or {}).get("serving_input_path")
    try:
        document = json.loads((directory / path).read_text()) if path else {}
        split = document.get("dataframe_split")
        if split:
            names = split.get("columns") or []
            by_name = all(isinstance(name, str) for name in names) and len(names) == len(split["data"][0])
            instance = dict(zip(names, split["data"][0], strict=True)) if by_name else split["data"][0]
        else:
            inputs = document["inputs"]
            several = isinstance(inputs, Mapping)
            instance = {name: values[0] for name, values in inputs.items()} if several else inputs[0]
        return schema.read([instance])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _typical(column: Column | TensorInput, feature: ReferenceFeature | None, step: int = 0) -> Any:
    """The usual value, or another one of the profile, `step` places away from it."""
    if isinstance(column, TensorInput):
        return column.typical()
    kind = column.type
    if feature and feature.numeric and feature.edges and kind in DTYPES:
        middle = feature.edges[(len(feature.edges) // 2 + step) % len(feature.edges)]
        return middle if kind in ("double", "float") else int(middle)
    if feature and feature.values and kind == "string":
        usual = int(np.argmax(feature.counts[: len(feature.values)])) if feature.counts else 0
        return feature.values[(usual + step) % len(feature.values)]
    return {"string": "", "boolean": False, "datetime": "2026-01-01"}.get(kind, 0)
