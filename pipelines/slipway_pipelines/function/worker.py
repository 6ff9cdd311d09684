"""`python3 -m slipway_pipelines.function.worker`: runs the user's code, where no credential and no test label is.

Reads SLIPWAY_CODE, SLIPWAY_CODE_SOCKET and SLIPWAY_ENTRYPOINT. It serves one client after the other until it is told
to stop. Estimators are built and fitted here; features come in, answers go out.
"""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from slipway_pipelines.faults import DataFault
from slipway_pipelines.function import wire
from slipway_pipelines.function.check import Checked, checked
from slipway_pipelines.function.loader import Function, load, parameters_of, seeded, told
from slipway_pipelines.function.origin import SOCKET, directory_of, tree_of
from slipway_pipelines.threads import threads_for

ENTRYPOINT = "SLIPWAY_ENTRYPOINT"
Reply = tuple[dict[str, Any], bytes]
_PLAIN = (str, int, float, bool, type(None))


@dataclass
class Worker:
    """The function and the fitted estimators, by the numbers that the client gave them."""

    tree: Path
    entrypoint: str
    function: Function | None = None
    fitted: dict[int, Any] = field(default_factory=dict)

    def reply(self, header: Mapping[str, Any], body: bytes) -> Reply:
        """The answer to one request. Whatever the user's code raises is an answer too."""
        for number in header.get("forget") or ():
            self.fitted.pop(number, None)
        try:
            made = getattr(self, f"_{header['do']}")(header, pickle.loads(body) if body else {})
        except DataFault as fault:
            return {"fault": {"reason": fault.reason, "message": fault.message}}, b""
        reply: Reply = made
        return reply

    def _loaded(self) -> Function:
        if self.function is None:
            self.function = load(self.tree, self.entrypoint)
        return self.function

    def _build(self, header: Mapping[str, Any], given: Mapping[str, Any]) -> Reply:
        made = self._loaded().estimator(given["parameters"], header["seed"], header["classifies"])
        plain = {name: value for name, value in parameters_of(made).items() if isinstance(value, _PLAIN)}
        return {"name": type(made).__name__, "parameters": plain}, b""

    def _fit(self, header: Mapping[str, Any], given: Mapping[str, Any]) -> Reply:
        function = self._loaded()
        made = function.estimator(given["parameters"], header["seed"], header["classifies"])
        name = type(made).__name__
        seeded(header["seed"])
        with (
            warnings.catch_warnings(record=True) as caught,
            threads_for(given["inputs"]),
            told(f"{function.entrypoint}: {name}.fit raised", function.root),
        ):
            warnings.simplefilter("always")
            made.fit(given["inputs"], given["label"])
        self.fitted[header["number"]] = made
        said = list(dict.fromkeys(str(one.message).splitlines()[0] for one in caught if str(one.message)))
        return {"warnings": said[:20], "classes": self._classes(made, name) if header["classifies"] else []}, b""

    def _classes(self, made: Any, name: str) -> list[str]:
        found = getattr(made, "classes_", None)
        if found is None or not all(isinstance(one, str) for one in found):
            held = "no classes_" if found is None else f"classes_ {list(found)[:5]!r}"
            message = (
                f"{self.entrypoint}: {name} has {held} after fit; they must be the labels, which are texts, in order"
            )
            raise DataFault("FunctionNoEstimator", message)
        return [str(one) for one in found]

    def _answer(self, header: Mapping[str, Any], inputs: Any) -> Reply:
        function, made, method = self._loaded(), self.fitted[header["number"]], header["method"]
        with told(f"{function.entrypoint}: {type(made).__name__}.{method} raised", function.root), threads_for(inputs):
            found = np.asarray(getattr(made, method)(inputs))
            return {}, wire.packed(found if found.dtype.kind in "fiub" else found.astype(str))

    def _model(self, header: Mapping[str, Any], given: Mapping[str, Any]) -> Reply:
        """The pipeline as it will be served, tried in a process that has nothing but the code which travels with it."""
        from sklearn.pipeline import Pipeline

        function = self._loaded()
        pipeline = Pipeline([*given["steps"], ("estimator", self.fitted[header["number"]])])
        with told(f"{function.entrypoint}: the fitted estimator cannot be pickled:", function.root):
            model = pickle.dumps(pipeline)
        modules = function.modules()
        method = "predict_proba" if header["classifies"] else "predict"
        with told(f"{function.entrypoint}: {method} raised", function.root):
            expected = np.asarray(getattr(pipeline, method)(given["inputs"]), dtype=float)
        found: Checked = checked(model, function.root, modules, given["inputs"], method, expected)
        return {"modules": modules, "imported": found.imported}, model


def serve(listener: Listener, worker: Worker) -> None:
    """Answers one client after the other."""
    while True:
        with listener.accept() as connection:
            _converse(connection, worker)


def _converse(connection: Connection, worker: Worker) -> None:
    worker.fitted.clear()
    while True:
        try:
            header, body = wire.receive(connection)
            wire.send(connection, *worker.reply(header, body))
        except (EOFError, OSError):  # the client has gone
            return


def main(environment: Mapping[str, str] = os.environ) -> None:
    """Serves until the process is told to stop."""
    place = Path(environment[SOCKET])
    place.unlink(missing_ok=True)  # of a container that ran before
    with Listener(str(place), "AF_UNIX") as listener:
        serve(listener, Worker(tree_of(directory_of(environment)), environment[ENTRYPOINT]))


def _stopped(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # user code may have left threads behind, and nothing here is worth a farewell


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stopped)
    main()
