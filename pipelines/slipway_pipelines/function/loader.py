"""The user's function, imported and called; what goes wrong in it is told with the last lines of its traceback.

Only the process without credentials and rows imports this.
"""

from __future__ import annotations

import importlib
import random
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.faults import DataFault
from slipway_pipelines.function.origin import root_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELD = "spec.trainer.function.entrypoint"
_FRAMES, _LONGEST_LINE = 3, 120


@dataclass(frozen=True)
class Function:
    """The imported `build`; `root` is where its modules lie."""

    entrypoint: str
    root: Path
    call: Callable[[dict[str, Any]], Any]

    def estimator(self, parameters: Mapping[str, Any], seed: int, classifies: bool) -> Any:
        """What build(params) returns, with `random_state` set wherever it is None.

        Raises:
            DataFault: it raises, or returns no estimator.
        """
        seeded(seed)
        with told(f"{FIELD} {self.entrypoint}: build(params) raised", self.root):
            made = self.call(dict(parameters))
        wanted = ("fit", "predict", *(("predict_proba",) if classifies else ()))
        with told(f"{FIELD} {self.entrypoint}: its estimator raised", self.root):
            absent = [name for name in wanted if isinstance(made, type) or not callable(getattr(made, name, None))]
            if absent:
                kind = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
                message = (
                    f"{FIELD} {self.entrypoint}: build(params) returned {kind}, which lacks {', '.join(absent)}; it "
                    "must return an estimator of scikit-learn's API: fit, predict and, for classes, predict_proba"
                )
                raise DataFault("FunctionNoEstimator", message)
            unset = {name: seed for name, value in parameters_of(made).items() if _is_seed(name) and value is None}
            return made.set_params(**unset) if unset else made

    def modules(self) -> list[str]:
        """The files and directories below the root from which something was imported."""
        found = set()
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.root):
                found.add(Path(file).relative_to(self.root).parts[0])
        return sorted(found)


def load(tree: Path, entrypoint: str) -> Function:
    """Imports the module and finds the function.

    Raises:
        DataFault: there is no such module or function, or the module raises.
    """
    name, _, function = entrypoint.partition(":")
    root = root_of(tree, name)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        with told(f"{FIELD} {entrypoint}: importing {name} raised", root):
            module = importlib.import_module(name)
    except DataFault as fault:
        raise _unimportable(fault, name, entrypoint) from fault
    held = getattr(module, function, None)
    if not callable(held):
        present = sorted(n for n, one in vars(module).items() if callable(one) and not n.startswith("_"))[:10]
        message = (
            f"{FIELD} {entrypoint}: module {name} has no function {function!r}; it has {', '.join(present) or 'none'}"
        )
        raise DataFault("FunctionNotFound", message)
    return Function(entrypoint, root, held)


def _unimportable(fault: DataFault, name: str, entrypoint: str) -> DataFault:
    cause = fault.__cause__
    if not isinstance(cause, ModuleNotFoundError) or not cause.name:
        return fault
    if name == cause.name or name.startswith(f"{cause.name}."):
        message = f"{FIELD} {entrypoint}: the code has no module {cause.name!r}"
        return DataFault("FunctionNotFound", message)
    message = f"{fault.message}; what the pipelines' image lacks cannot be imported: do without {cause.name!r}"
    return DataFault("FunctionFailed", message)


def parameters_of(estimator: Any) -> dict[str, Any]:
    """All parameters of an estimator that tells them, those of its parts included."""
    told_by = getattr(estimator, "get_params", None)
    return dict(told_by()) if callable(told_by) else {}


def seeded(seed: int) -> None:
    """What code draws at random without a seed of its own comes out again."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextmanager
def told(what: str, root: Path) -> Iterator[None]:
    """Anything that the user's code raises becomes a fault that shows where. Raises DataFault."""
    try:
        yield
    except DataFault:
        raise
    except BaseException as error:
        raise DataFault("FunctionFailed", f"{what} {_words(error, root)}") from error


def _words(error: BaseException, root: Path) -> str:
    """The error, and the last frames of the user's own files, the innermost last."""
    traceback.print_exception(error)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    places = [
        f"{Path(frame.filename).relative_to(root)}:{frame.lineno} in {frame.name}: {(frame.line or '')[:_LONGEST_LINE]}"
        for frame in own[-_FRAMES:]
    ]
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(root):
        places.append(f"{Path(error.filename).relative_to(root)}:{error.lineno}")
    last = traceback.format_exception_only(error)[-1].strip()[:400]
    return f"{last} (at {'; '.join(places)})" if places else last


def _is_seed(name: str) -> bool:
    return name == "random_state" or name.endswith("__random_state")
