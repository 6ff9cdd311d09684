"""A model of all column types as MLflow saves it, and what it answers offline: its answers tell its inputs apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from slipway_serving.service.model import load_model
from slipway_serving.service.schema import Column
from slipway_serving.service.signature import Signature, read_signature

from tests.unit.serving.models import REQUIREMENTS

_DTYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
_ROWS = 80


def save_all_types(directory: Path) -> Path:
    """A regression over a column of each type; `maybe` may be left out, and the time is not used."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    draw = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "double": draw.random(_ROWS),
            "float": draw.random(_ROWS).astype("float32"),
            "long": draw.integers(-(2**40), 2**40, _ROWS),
            "integer": draw.integers(-9, 9, _ROWS).astype("int32"),
            "boolean": draw.random(_ROWS) < 0.5,
            "string": draw.choice(["it", "Zoë"], _ROWS).astype(object),
            "datetime": pd.to_datetime(draw.integers(1_700_000_000, 1_800_000_000, _ROWS), unit="s"),
            "maybe": np.where(draw.random(_ROWS) < 0.2, np.nan, draw.random(_ROWS)),
        }
    )
    columns = make_column_transformer(
        ("passthrough", ["double", "float", "long", "integer", "boolean"]),
        (SimpleImputer(), ["maybe"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["string"]),
    )
    label = table["double"] * 3 - table["float"] + table["boolean"] * 2.0 + (table["string"] == "it") * 5
    model = make_pipeline(columns, LinearRegression()).fit(table, label)
    signature = infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, str(directory), serialization_format="pickle", signature=signature, pip_requirements=REQUIREMENTS
    )
    (directory / "slipway").mkdir()
    edges = {"name": "double", "type": "Numeric", "edges": [0.25, 0.5], "counts": [20, 20, 40]}
    (directory / "slipway/profile.json").write_text(json.dumps({"features": [edges]}))
    return directory


@dataclass(frozen=True)
class Offline:
    """The same model without a server: its signature, which columns take null, and its own answers."""

    directory: Path

    @property
    def signature(self) -> Signature:
        """As MLflow holds it."""
        return read_signature(yaml.safe_load((self.directory / "MLmodel").read_text())["signature"])

    @property
    def nullable(self) -> frozenset[str]:
        """Columns whose absence the model survives."""
        columns = load_model(self.directory).schema.columns
        return frozenset(one.name for one in columns if isinstance(one, Column) and one.nullable)

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """Answers for rows of values as requests have them, in the signature's order."""
        import mlflow.sklearn
        import pandas as pd

        columns = zip(self.signature.columns, zip(*rows, strict=True), strict=True)
        frame = pd.DataFrame({column.name: _typed(column.type, values) for column, values in columns})
        found: list[float] = mlflow.sklearn.load_model(str(self.directory)).predict(frame).tolist()
        return found


def _typed(kind: str, values: Sequence[Any]) -> Any:
    if kind == "datetime":
        times = [None if one is None else datetime.fromisoformat(one).replace(tzinfo=None) for one in values]
        return np.array(times, "datetime64[ns]")
    return np.array(values, _DTYPES.get(kind, "object"))
