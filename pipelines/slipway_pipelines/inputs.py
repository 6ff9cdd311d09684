"""What goes into a training, for whoever compares it with a later one: definitions, and columns as they were seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from slipway.api.v1alpha1.fingerprints import (
    DEFINITIONS_TAG,
    INPUTS_TAG,
    DefinedFeature,
    Fingerprints,
    Inputs,
    SeenColumn,
)
from slipway.features.definitions import FORMAT, Definition, definitions
from slipway.features.tags import in_tags

from slipway_pipelines.columns import Columns
from slipway_pipelines.report import number
from slipway_pipelines.request import TrainingRequest

if TYPE_CHECKING:
    import pandas as pd

_SHARES = np.arange(0.05, 1.0, 0.1)
_CATEGORIES = 10


def inputs(request: TrainingRequest, train: pd.DataFrame, references: Sequence[Mapping[str, Any]]) -> Inputs:
    """Definitions of the task's features and the figures of the columns that they are read from.

    Args:
        train: the rows that trained the model.
        references: of `profile.feature_references` over the same rows.
    """
    features = tuple(DefinedFeature(**vars(one)) for one in _defined(request))
    return Inputs(format=FORMAT, features=features, columns=seen_columns(request.columns, train, references))


def run_tags(found: Inputs) -> dict[str, str]:
    """Tags of the MLflow run."""
    return in_tags(INPUTS_TAG, found.model_dump_json(by_alias=True, exclude_defaults=True, ensure_ascii=True))


def definition_tags(request: TrainingRequest) -> dict[str, str]:
    """Tags of the model version: a rollout reads them to decide whether the task still means the same."""
    carried = Fingerprints(format=FORMAT, digests={one.name: one.digest for one in _defined(request)})
    return in_tags(DEFINITIONS_TAG, carried.model_dump_json(ensure_ascii=True))


def _defined(request: TrainingRequest) -> tuple[Definition, ...]:
    return definitions(request.task)


def seen_columns(
    columns: Columns, train: pd.DataFrame, references: Sequence[Mapping[str, Any]]
) -> tuple[SeenColumn, ...]:
    """The figures of each column of the data that a feature is read from, once.

    Windows are no columns of the data, and what they look back on is kept where a feature reads it.
    """
    seen: dict[str, SeenColumn] = {}
    for one in _seen(columns, train, {one["name"]: one for one in references}):
        seen.setdefault(one.name, one)
    return tuple(seen.values())


def _seen(columns: Columns, train: pd.DataFrame, references: Mapping[str, Mapping[str, Any]]) -> Iterator[SeenColumn]:
    for feature in columns.read:
        values = train[feature]
        known: dict[str, Any] = {"name": columns.source(feature), "rows": len(values), "type": "Text"}
        known["missing"] = number(float(values.isna().mean()))
        if feature in columns.numeric:
            known |= _numbers(values.to_numpy(dtype=float), references[feature])
        elif feature in columns.categorical:
            known |= _categories(references[feature])
        yield SeenColumn(**known)


def _numbers(values: np.ndarray, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Of the edges of the reference profile those that lie about a tenth of the rows apart, to the last bit: an edge
    that is rounded may come to lie on the other side of a value."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"type": "Whole"}
    below = np.cumsum(reference["counts"])[:-1] / len(finite)
    kept = sorted({int(np.abs(below - share).argmin()) for share in _SHARES}) if len(below) else []
    return {
        "type": "Whole" if (finite == np.floor(finite)).all() else "Fraction",
        "least": repr(float(finite.min())),
        "most": repr(float(finite.max())),
        "edges": tuple(repr(float(reference["edges"][place])) for place in kept),
        "below": tuple(number(float(below[place])) for place in kept),
    }


def _categories(reference: Mapping[str, Any]) -> dict[str, Any]:
    rows = sum(reference["counts"])
    frequent = list(zip(reference["values"], reference["counts"], strict=False))[:_CATEGORIES]
    return {
        "type": "Whole" if reference["values"] and all(_is_number(one) for one in reference["values"]) else "Text",
        "values": {_digest(value): number(count / rows) for value, count in frequent},
    }


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:8]
