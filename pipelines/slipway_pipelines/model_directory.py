"""The model directory: an MLflow model of scikit-learn classes alone; beside it the profile and the decision layer."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.features.decision import DECISION

from slipway_pipelines.columns import Columns

PROFILE = "slipway/profile.json"
# What loading needs, at the versions that fitted: a pickle is only good for the versions that wrote it.
_REQUIREMENTS = ("mlflow-skinny", "numpy", "pandas", "scikit-learn", "scipy")


def save(
    pipeline: Any,
    directory: Path,
    columns: Columns,
    task_type: str,
    profile: Mapping[str, Any],
    decision: Mapping[str, Any],
) -> str:
    """Writes the directory and returns its digest, which covers the decision layer: what was judged is what is served.

    The format is pickle: skops refuses to load scikit-learn's own trees without a list of trusted types that is read
    from the same file, so it would protect from nothing here. Only this Job writes these files, and only a pod without
    credentials loads them (docs/decisions/0007-training.md).
    """
    import mlflow.sklearn

    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # the warning about pickle, answered above
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # that pip is absent from the image
    mlflow.sklearn.save_model(
        pipeline,
        str(directory),
        serialization_format="pickle",
        signature=_signature(columns, task_type),
        # Given, not inferred: MLflow would load the model in a second process to find out.
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS],
    )
    (directory / PROFILE).parent.mkdir()
    for name, document in ((PROFILE, profile), (DECISION, decision)):
        (directory / name).write_text(json.dumps(document, sort_keys=True, allow_nan=False) + "\n")
    return digest(directory)


def digest(directory: Path) -> str:
    """`sha256:` over the sorted lines "path NUL sha256-of-content" of all files, paths relative and with slashes."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    lines = [
        f"{path.relative_to(directory).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files
    ]
    return f"sha256:{hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest()}"


def _signature(columns: Columns, task_type: str) -> Any:
    """Declared, not inferred: integers that happen to be whole must not make MLflow refuse a fraction later."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = [ColSpec("double", name) for name in columns.numeric]
    inputs += [ColSpec("string", name) for name in columns.categorical]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double" if task_type == "Regression" else "string")]))
