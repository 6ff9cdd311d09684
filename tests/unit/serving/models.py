"""A small scikit-learn model as MLflow writes it, with a reference profile; and variants that misbehave."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

PROFILE = {
    "features": [
        {"name": "amount", "type": "Numeric", "edges": [0.25, 0.5, 0.75], "counts": [10, 10, 10, 10]},
        {"name": "country", "type": "Categorical", "values": ["it", "de"], "counts": [30, 10, 0]},
    ],
    "rows": 40,
    "classes": ["0", "1"],
    "positive": "1",
    "threshold": "0.5",
    "entity": "card",
}

# What images are built with: the same in all tests, so that their dependencies are installed once.
REQUIREMENTS = ["scikit-learn==1.9.1", "mlflow==3.17.2"]


class Slow:
    """A classifier that needs its time: what a slow candidate looks like."""

    classes_ = np.array([0, 1])

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def predict(self, table: Any) -> Any:
        import time

        time.sleep(self.seconds)
        return np.zeros(len(table), int)


class Broken(Slow):
    """A classifier that loads and never answers."""

    def predict(self, table: Any) -> Any:
        raise RuntimeError("broken inside")


class Interrupted(Slow):
    """A classifier whose process is told to end while it answers several rows."""

    def predict(self, table: Any) -> Any:
        if len(table) > 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().predict(table)


def save_sklearn(directory: Path, serialisation: str = "pickle") -> Path:
    """A pipeline of scikit-learn, fitted and saved by MLflow itself."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    draw = np.random.default_rng(7)
    table = pd.DataFrame({"amount": draw.random(200), "country": draw.choice(["it", "de"], 200)})
    label = (table["amount"] > 0.5).astype(int)
    columns = make_column_transformer(
        (SimpleImputer(), ["amount"]), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["country"])
    )
    model = make_pipeline(columns, LogisticRegression(C=1000)).fit(table, label)
    mlflow.sklearn.save_model(
        model,
        str(directory),
        serialization_format=serialisation,
        signature=infer_signature(table, model.predict(table)),
        pip_requirements=REQUIREMENTS,
        skops_trusted_types=["numpy.dtype"] if serialisation == "skops" else None,
    )
    (directory / "slipway").mkdir()
    (directory / "slipway/profile.json").write_text(json.dumps(PROFILE))
    return directory


def save_object(directory: Path, model: object) -> Path:
    """Any object as MLflow's sklearn flavour, without fitting and without importing MLflow."""
    import cloudpickle  # type: ignore[import-untyped]

    directory.mkdir(parents=True)
    flavour = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    signature = {"inputs": json.dumps([{"name": "amount", "type": "double"}])}
    (directory / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": flavour}, "signature": signature}))
    import sys

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    (directory / "model.pkl").write_bytes(cloudpickle.dumps(model))
    return directory
