"""Where code of the user's lies in a pod, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from slipway_pipelines.faults import DataFault

DIRECTORY, SOCKET = "SLIPWAY_CODE", "SLIPWAY_CODE_SOCKET"
"""Variables: the directory of the code, and the socket of the process that runs it."""

_TREE, _ORIGIN = "tree", "origin.json"


@dataclass(frozen=True)
class Origin:
    """A commit of a repository, by its full id; `difference` is the digest of what the work tree had beyond it."""

    repository: str
    commit: str
    difference: str = ""

    def write(self, directory: Path) -> None:
        """Beside the tree."""
        (directory / _ORIGIN).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, directory: Path) -> Origin:
        """What the container that fetched has written."""
        return cls(**json.loads((directory / _ORIGIN).read_text()))

    def params(self) -> dict[str, str]:
        """As MLflow keeps it."""
        known = {"code.repository": self.repository, "code.commit": self.commit}
        return known | {"code.dirty": str(bool(self.difference)), "code.difference": self.difference}

    def tags(self) -> dict[str, str]:
        """MLflow's own tags of source code, which the labels of a served image repeat."""
        return {"mlflow.source.git.repoURL": self.repository, "mlflow.source.git.commit": self.commit}


def tree_of(directory: Path) -> Path:
    """The files of the commit."""
    return directory / _TREE


def directory_of(environment: Mapping[str, str]) -> Path:
    """The directory that the variable names. Raises DataFault."""
    found = environment.get(DIRECTORY)
    if not found:
        raise DataFault("RequestInvalid", f"{DIRECTORY} is not set: the pod has no code")
    return Path(found)


def root_of(tree: Path, module: str) -> Path:
    """Where modules are imported from: the repository itself, or `src` where the module lies there.

    Raises:
        DataFault: it lies in neither.
    """
    top = module.partition(".")[0]
    for root in (tree, tree / "src"):
        if (root / top).is_dir() or (root / f"{top}.py").is_file():
            return root
    present = sorted(one.name for one in tree.iterdir())[:10]
    message = (
        f"spec.trainer.function.entrypoint names the module {module!r}, and the repository has no {top}.py and no "
        f"directory {top}, in src neither; it has {', '.join(present) or 'no files'}"
    )
    raise DataFault("FunctionNotFound", message)
