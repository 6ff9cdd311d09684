"""Whether a pickled model loads elsewhere, with the code that travels with it alone, and answers as before.

`python3 -m slipway_pipelines.function.check DIRECTORY` is that other process.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slipway_pipelines.faults import DataFault
from slipway_pipelines.function.travelling import copied

_SECONDS = 300
_TOLERANCE = 1e-9
# What every served image has (`model_directory`), and what comes with it.
_KNOWN = ("numpy", "pandas", "sklearn", "scipy", "slipway", "slipway_pipelines")


@dataclass(frozen=True)
class Checked:
    """Names of the modules that the model imported beside what served images have, the code's own not among them."""

    imported: list[str]


def checked(
    model: bytes, root: Path, modules: Iterable[str], inputs: Any, method: str, expected: np.ndarray
) -> Checked:
    """Raises DataFault where the model does not load, or answers something else."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        copied(root, modules, place / "code")
        (place / "model.pkl").write_bytes(model)
        (place / "inputs.pkl").write_bytes(pickle.dumps((inputs, method)))
        done = subprocess.run(
            [sys.executable, "-m", "slipway_pipelines.function.check", scratch], capture_output=True, text=True,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no word"])[-1][:400]
            message = (
                f"the fitted model does not load or answer in a new process, as it would have to when served: {said}; "
                "it has the code's modules, and of what fit has set only what the estimator itself holds"
            )
            raise DataFault("FunctionNotServable", message)
        found = np.load(place / "answers.npy", allow_pickle=False)
        imported = json.loads((place / "imported.json").read_text())
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=_TOLERANCE, atol=0, equal_nan=True):
        message = f"{method} of the fitted model answers otherwise in a new process: it depends on more than itself"
        raise DataFault("FunctionNotServable", message)
    return Checked([str(name) for name in imported])


def main(directory: str) -> None:
    """Loads the model, asks it, and writes what it said and what it imported."""
    place = Path(directory)
    import pandas  # noqa: F401
    import sklearn.pipeline  # noqa: F401

    inputs, method = pickle.loads((place / "inputs.pkl").read_bytes())
    before = _tops()
    sys.path.insert(0, str(place / "code"))
    model = pickle.loads((place / "model.pkl").read_bytes())
    np.save(place / "answers.npy", np.asarray(getattr(model, method)(inputs), dtype=float))
    own = {one.stem for one in (place / "code").iterdir()}
    beside = _tops() - before - own - set(_KNOWN) - set(sys.stdlib_module_names)
    (place / "imported.json").write_text(json.dumps(sorted(beside)))


def _tops() -> set[str]:
    return {name.partition(".")[0] for name in list(sys.modules)}


if __name__ == "__main__":
    main(sys.argv[1])
