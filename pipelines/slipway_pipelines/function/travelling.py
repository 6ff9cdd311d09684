"""The code of the user's that travels with a model: the modules that it imports, and no more of the repository."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterable
from pathlib import Path

from slipway_pipelines.faults import DataFault

# What served images put beside a model themselves, or what a model's own directory already holds.
_TAKEN = ("slipway", "slipway_serving", "slipway_oci")


def copied(root: Path, modules: Iterable[str], place: Path) -> list[Path]:
    """Copies files and directories of the root.

    Raises:
        DataFault: one of them is not there, or has a name that served images use.
    """
    place.mkdir(parents=True)
    found = []
    for name in modules:
        source, target = root / name, place / name
        if Path(name).name != name or not source.exists():
            raise DataFault("FunctionNotServable", f"the code has no {name!r}")
        if Path(name).stem in _TAKEN:
            message = f"the code calls a module {Path(name).stem!r}, which served images have one of: rename it"
            raise DataFault("FunctionNotServable", message)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
        found.append(target)
    return found


def requirements(imported: Iterable[str]) -> list[str]:
    """The distributions of this image that modules belong to, pinned as they are here. Names of others say nothing."""
    known = importlib.metadata.packages_distributions()
    names = sorted({distribution for module in imported for distribution in known.get(module, ())})
    return [f"{name}=={importlib.metadata.version(name)}" for name in names]
