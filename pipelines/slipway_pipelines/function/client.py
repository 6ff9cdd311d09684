"""The user's code as the process with the rows sees it: a socket behind which estimators are fitted and asked.

Features go there, and the labels of rows that are learnt from. Labels of validation and test rows do not.
"""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.estimators import parameter_value
from slipway_pipelines.faults import DataFault, LostFault, TransientFault
from slipway_pipelines.function import wire
from slipway_pipelines.function.origin import SOCKET, Origin, directory_of, root_of, tree_of

if TYPE_CHECKING:
    from slipway_pipelines.function.estimator import FunctionEstimator

_PATIENCE_SECONDS, _POLL_SECONDS = 120.0, 0.1


@dataclass(frozen=True)
class Built:
    """A model's file with what it needs: files and directories of the code, and modules of other packages."""

    model: bytes
    modules: tuple[str, ...]
    imported: tuple[str, ...]


@dataclass
class Code:
    """One connection to the process that runs the code.

    Raises (all methods):
        DataFault: the code raised, or answered what is no answer.
        LostFault: its process has ended.
    """

    connection: Connection
    origin: Origin
    entrypoint: str
    root: Path
    forgotten: list[int] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    @classmethod
    def connect(cls, environment: Mapping[str, str], entrypoint: str) -> Code:
        """Waits for the process, which starts at the same time. Raises Fault."""
        directory = directory_of(environment)
        try:
            origin = Origin.read(directory)
        except (OSError, ValueError, TypeError) as error:
            raise DataFault("RequestInvalid", f"the pod has no code: {error}") from error
        connection = _connected(environment[SOCKET])
        return cls(connection, origin, entrypoint, root_of(tree_of(directory), entrypoint.partition(":")[0]))

    def estimator(self, task_type: str, parameters: Mapping[str, str], seed: int) -> FunctionEstimator:
        """What build(params) returns for parameters as the manifest writes them."""
        from slipway_pipelines.function.estimator import FunctionEstimator

        typed = {name: parameter_value(name, text, task_type) for name, text in parameters.items()}
        classifies = task_type != "Regression"
        told, _ = self.ask({"do": "build", "seed": seed, "classifies": classifies}, {"parameters": typed})
        known = {str(name): value for name, value in dict(told.get("parameters") or {}).items()}
        return FunctionEstimator(self, str(told.get("name", "")), typed, known, seed, classifies)

    def ask(self, header: Mapping[str, Any], given: Any) -> tuple[dict[str, Any], bytes]:
        """One request and its answer."""
        forgotten = [self.forgotten.pop() for _ in range(len(self.forgotten))]  # a finalizer may add to it at any time
        try:
            wire.send(self.connection, {**header, "forget": forgotten}, pickle.dumps(given, protocol=5))
            told, body = wire.receive(self.connection)
        except (EOFError, OSError) as error:
            message = (
                f"the process of {self.entrypoint} has ended: it called exit, crashed, or used more memory than "
                "spec.resources.train.limits.memory"
            )
            raise LostFault("FunctionDied", message) from error
        except ValueError as error:
            raise LostFault("FunctionDied", f"the process of {self.entrypoint} speaks nonsense: {error}") from error
        if fault := told.get("fault"):
            raise DataFault(str(fault.get("reason", "FunctionFailed")), str(fault.get("message", "")))
        return told, body

    def array(self, header: Mapping[str, Any], given: Any) -> np.ndarray:
        """One request that is answered by an array."""
        try:
            return wire.unpacked(self.ask(header, given)[1])
        except (ValueError, OSError, EOFError) as error:
            raise DataFault("FunctionAnswers", f"{self.entrypoint} answers no array of numbers: {error}") from error

    def params(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What MLflow keeps of the code, and of the parameters that the function was given."""
        given = {f"parameters.{name}": value for name, value in parameters.items()}
        return {**self.origin.params(), "code.entrypoint": self.entrypoint, **given}

    def told(self) -> dict[str, str]:
        """What the operator is told of the code."""
        return {**asdict(self.origin), "entrypoint": self.entrypoint}

    def number(self) -> int:
        """A new name for a fitted estimator."""
        return int(next(self.numbers))


def _connected(place: str) -> Connection:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection: Connection = Client(place, "AF_UNIX")
            return connection
        except OSError as error:
            if time.monotonic() > until:
                message = f"the container of the user's code does not answer: {error}"
                raise TransientFault("FunctionUnavailable", message) from error
        time.sleep(_POLL_SECONDS)
