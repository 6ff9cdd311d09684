"""A downloaded model directory: its digest, and what its `MLmodel` says, read as text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway_serving.build.faults import BuildFault

SUPPORTED_FLAVOURS = ("sklearn",)


def directory_digest(root: Path) -> str:
    """SHA-256 over the sorted lines "path NUL sha256 LF" of all files: what a TrainingRun tags its version with."""
    lines = []
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{path.relative_to(root).as_posix()}\0{content}\n")
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def checked_digest(root: Path, expected: str) -> str:
    """The files' digest. Raises BuildFault when they are others than those that were evaluated (`expected`)."""
    found = directory_digest(root)
    if expected and found != expected:
        said = f"the files have the digest {found}, expected was {expected}; the version changed after its evaluation"
        raise BuildFault("download", "DigestMismatch", said)
    return found


def check_flavour(root: Path) -> bool:
    """Whether the model brings code of its own. Raises BuildFault for one that the served image could not load."""
    path = root / "MLmodel"
    if not path.is_file():
        raise BuildFault("lock", "NotAnMLflowModel", "the version's directory has no file MLmodel")
    try:
        document: Any = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BuildFault("lock", "NotAnMLflowModel", f"MLmodel is no YAML: {error}") from error
    flavours = document.get("flavors") if isinstance(document, Mapping) else None
    if not isinstance(flavours, Mapping) or not set(SUPPORTED_FLAVOURS) & set(flavours):
        said = f"the model has the flavours {sorted(flavours or ())}; supported: {', '.join(SUPPORTED_FLAVOURS)}"
        raise BuildFault("lock", "UnsupportedFlavour", said)
    return any(isinstance(one, Mapping) and one.get("code") for one in flavours.values())


def model_requirements(root: Path) -> list[str]:
    """The lines of the model's `requirements.txt` that ask for something; none where the file is absent."""
    path = root / "requirements.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
