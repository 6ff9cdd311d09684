"""The PyTorch loader, with a stand-in for PyTorch."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from slipway_serving.service.model import load_model

pytestmark = pytest.mark.long


class TorchModule:
    """What a pickled module does, without PyTorch: scores of three classes."""

    trained = True

    def eval(self) -> None:
        self.trained = False

    def __call__(self, tensor: Any, bias: float = 0.0) -> Any:
        assert not self.trained
        assert tensor.array.dtype == np.float32
        return FakeTensor(tensor.array[:, :1] * 2 + bias)


class FakeTensor:
    def __init__(self, array: Any) -> None:
        self.array = array

    def numpy(self) -> Any:
        return self.array


@pytest.fixture
def fake_torch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The few functions of PyTorch that the loader calls: its wheel needs 5 GB with the CUDA stack it asks for."""
    calls = SimpleNamespace(threads=0)

    def load(path: str, map_location: str, pickle_module: ModuleType, weights_only: bool) -> Any:
        assert (map_location, weights_only) == ("cpu", False)
        with open(path, "rb") as file:
            return pickle_module.Unpickler(file).load()

    @contextmanager
    def no_grad() -> Iterator[None]:
        yield

    def set_num_threads(count: int) -> None:
        calls.threads = count

    module = ModuleType("torch")
    module.__dict__.update(load=load, no_grad=no_grad, set_num_threads=set_num_threads, from_numpy=FakeTensor)
    monkeypatch.setitem(sys.modules, "torch", module)
    return calls


def torch_directory(directory: Path, signature: dict[str, str]) -> Path:
    """As mlflow.pytorch writes it (MLflow 3.17.2)."""
    (directory / "data").mkdir(parents=True)
    (directory / "data/model.pth").write_bytes(pickle.dumps(TorchModule()))
    (directory / "data/pickle_module_info.txt").write_text("mlflow.pytorch.pickle_module")
    flavour = {"model_data": "data", "pytorch_version": "2.15.0+cu130", "code": None}
    function = {"loader_module": "mlflow.pytorch", "data": "data"}
    description = {"flavors": {"pytorch": flavour, "python_function": function}, "signature": signature}
    (directory / "MLmodel").write_text(yaml.safe_dump(description))
    return directory


COLUMNS = {"inputs": '[{"name": "a", "type": "double"}, {"name": "b", "type": "double"}]'}
TENSOR = {
    "inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]',
    "params": '[{"name": "bias", "type": "double", "default": 0.5, "shape": null}]',
}


def test_a_torch_module_is_loaded_without_mlflow(tmp_path: Path, fake_torch: SimpleNamespace) -> None:
    model = load_model(torch_directory(tmp_path / "columns", COLUMNS))
    assert model.answer(model.schema.read([{"a": 0.25, "b": 1}])).labels == [0.5]
    model = load_model(torch_directory(tmp_path / "tensor", TENSOR))
    assert model.answer(model.schema.read([[0.25, 1], [1, 1]])).labels == [1.0, 2.5]
    assert model.answer(model.schema.read([[0.25, 1]]), model.parameters.read({"params": {"bias": 1}})).labels == [1.5]
    assert fake_torch.threads == 1
