"""Models and requests of the benches: the same for every server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.unit.serving.models import save_sklearn

FEATURES = 20
# As the gateway sends them: an assigned entity of an epoch.
HEADERS = {
    "content-type": "application/json", "x-request-id": "8f1b1f0e-5d53-4b6c-9d43-0f6d7b1f2c11",
    "x-slipway-revision": "r1", "x-slipway-assignment": "3.17", "x-slipway-bucket": hashlib.sha256(b"c").hexdigest(),
}  # fmt: skip
KINDS = ("matrix", "frame")


@dataclass(frozen=True)
class Case:
    """A model, and the rows that it is asked for: lists of numbers (`matrix`) or objects by name (`frame`)."""

    kind: str
    directory: Path
    rows: list[Any]

    @property
    def v1(self) -> bytes:
        """The request as V1 has it."""
        return json.dumps({"instances": self.rows}).encode()

    @property
    def pickled(self) -> Path:
        """The estimator itself, for servers that know no MLflow."""
        return self.directory / "model.pkl"


def make_model(kind: str, directory: Path) -> Path:
    """A logistic regression on numbers, the cheapest model that one would serve; or a pipeline on named columns."""
    return matrix_model(directory) if kind == "matrix" else save_sklearn(directory)


def make_case(kind: str, directory: Path, rows: int = 1) -> Case:
    """Rows for a model that `make_model` has made."""
    draw = np.random.default_rng(8)
    if kind == "matrix":
        return Case(kind, directory, draw.random((rows, FEATURES)).tolist())
    return Case(kind, directory, [{"amount": float(draw.random()), "country": "it"} for _ in range(rows)])


def matrix_model(directory: Path) -> Path:
    """A logistic regression on a matrix, as MLflow saves it, with the reference of each number."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(7)
    table = draw.random((500, FEATURES))
    model = LogisticRegression().fit(table, table[:, 0] > 0.5)
    mlflow.sklearn.save_model(
        model,
        str(directory),
        serialization_format="pickle",
        signature=infer_signature(table, model.predict(table)),
        pip_requirements=["scikit-learn==1.9.1"],
    )
    edges = np.linspace(0, 1, 21)[1:-1].tolist()
    features = [{"name": str(i), "type": "Numeric", "edges": edges, "counts": [1] * 20} for i in range(FEATURES)]
    profile = {"features": features, "classes": ["False", "True"], "positive": "True", "threshold": "0.5"}
    (directory / "slipway").mkdir()
    (directory / "slipway/profile.json").write_text(json.dumps(profile))
    return directory
