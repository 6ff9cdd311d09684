"""PyTorch modules, on the CPU."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import Signature


class ModulePredictor:
    """A module from one tensor to one tensor, as in MLflow's own flavour."""

    classes: Sequence[Any] | None = None
    inputs = Signature()

    def __init__(self, module: Any, torch: Any) -> None:
        self._module = module
        self._torch = torch

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """Calls the module with what a table holds as 32-bit floats, or with the tensor as it is."""
        array = table.to_numpy(np.float32) if hasattr(table, "to_numpy") else table
        with self._torch.no_grad():
            answer = self._module(self._torch.from_numpy(np.ascontiguousarray(array)), **parameters)
            return Prediction(np.asarray(answer.numpy()))


def load(directory: Path, flavour: Mapping[str, Any]) -> ModulePredictor:
    """The module of MLflow's flavour `pytorch`: an exported program, else a pickle, which may hold TorchScript."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)  # one request, one thread
    data = directory / flavour["model_data"]
    if (data / "model.pt2").exists():
        return ModulePredictor(torch.export.load(str(data / "model.pt2")).module(), torch)
    # What MLflow's own pickle module wrote, which is cloudpickle's, any pickle module reads.
    name = (data / "pickle_module_info.txt").read_text().strip()
    pickler = importlib.import_module("pickle" if name.startswith("mlflow.") else name)
    module = torch.load(str(data / "model.pth"), map_location="cpu", pickle_module=pickler, weights_only=False)
    module.eval()
    return ModulePredictor(module, torch)
