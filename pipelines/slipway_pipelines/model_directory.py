"""The model directory: an MLflow model of scikit-learn classes, and the documents beside it that Slipway reads."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slipway
import slipway.features
from slipway.features.baseline import BASELINE
from slipway.features.decision import DECISION

from slipway_pipelines.columns import Columns
from slipway_pipelines.function.travelling import copied, requirements
from slipway_pipelines.incremental.lineage import LINEAGE, Lineage

if TYPE_CHECKING:
    from slipway_pipelines.function.client import Built

PROFILE = "slipway/profile.json"
MODEL = "model.pkl"  # as MLflow calls it
# What loading needs, at the versions that fitted: a pickle is only good for the versions that wrote it.
_REQUIREMENTS = ("mlflow-skinny", "numpy", "pandas", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Documents:
    """The JSON documents that travel beside a model, which its digest covers.

    Attributes:
        profile: the reference profile that drift is measured against.
        decision: the decision layer.
        lineage: the rows that the version has learnt.
        baseline: what everybody would get without the model, where the task has rules.
    """

    profile: Mapping[str, Any]
    decision: Mapping[str, Any]
    lineage: Lineage | None = None
    baseline: Mapping[str, Any] | None = None

    def write(self, directory: Path) -> None:
        """Writes those that there are below `directory`. ValueError where a number is not finite."""
        (directory / PROFILE).parent.mkdir()
        descended = self.lineage.document() if self.lineage is not None else None
        named = {PROFILE: self.profile, DECISION: self.decision, LINEAGE: descended, BASELINE: self.baseline}
        for name, document in named.items():
            if document is not None:
                (directory / name).write_text(json.dumps(document, sort_keys=True, allow_nan=False) + "\n")


def save(
    pipeline: Any,
    directory: Path,
    columns: Columns,
    task_type: str,
    documents: Documents,
    code: tuple[Path, Built] | None = None,
) -> str:
    """Writes the directory and returns its digest, which covers the decision layer: what was judged is what is served.

    The format is pickle: skops refuses to load scikit-learn's own trees without a list of trusted types that is read
    from the same file, so it would protect from nothing here. Only this Job writes these files, and only a pod without
    credentials loads them (docs/decisions/0007-training.md).

    `code` is the user's and the model that their process has pickled: its bytes are stored, and never loaded here.
    """
    import mlflow.sklearn

    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # the warning about pickle, answered above
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # that pip is absent from the image
    with tempfile.TemporaryDirectory() as scratch:
        mlflow.sklearn.save_model(
            pipeline,
            str(directory),
            serialization_format="pickle",
            signature=_signature(columns, task_type),
            # Given, not inferred: MLflow would load the model in a second process to find out.
            pip_requirements=_requirements(code),
            code_paths=_code(Path(scratch), bool(columns.expressions), code) or None,
        )
    if code is not None:
        (directory / MODEL).write_bytes(code[1].model)
    documents.write(directory)
    return digest(directory)


def _requirements(code: tuple[Path, Built] | None) -> list[str]:
    own = requirements(code[1].imported) if code is not None else []
    return sorted({*own, *(f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS)})


def _code(scratch: Path, expressions: bool, code: tuple[Path, Built] | None) -> list[str]:
    """What a fitted Pipeline imports: the user's modules; with expressions ours, which served images have and which
    MLflow elsewhere finds here."""
    own = [str(path) for path in copied(code[0], code[1].modules, scratch / "code")] if code is not None else []
    return own + ([str(_features(scratch))] if expressions else [])


def _features(scratch: Path) -> Path:
    package = scratch / "slipway"
    package.mkdir()
    shutil.copyfile(Path(slipway.__file__), package / "__init__.py")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(slipway.features.__file__).parent, package / "features", ignore=ignored)
    return package


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
    inputs += [ColSpec("string", name) for name in columns.categorical + columns.text]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double" if task_type == "Regression" else "string")]))
