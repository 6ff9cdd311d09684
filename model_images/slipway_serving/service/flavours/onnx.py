"""ONNX models by ONNX Runtime. The package onnx, which only writes them, is not needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway_serving.service.flavours.supported import UnsupportedModel
from slipway_serving.service.predictor import Prediction
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec

_TYPES = {
    **{f"tensor({name})": name for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}
_COLUMNS = {
    **{"float32": "double", "float64": "double", "int64": "long", "int32": "integer"},
    **{"object": "string", "bool": "boolean"},
}


class OnnxPredictor:
    """One session. A classifier is known by its outputs: labels beside probabilities, as converters write them.

    Where probabilities come as maps, their keys are the classes, which no metadata names: the first answer tells them.
    """

    classes: Sequence[Any] | None = None

    def __init__(self, session: Any) -> None:
        self._session = session
        self._types = {one.name: _dtype(one) for one in session.get_inputs()}
        self._shapes = {one.name: tuple(one.shape) for one in session.get_inputs()}
        self.inputs = _inputs(self._types, self._shapes)
        outputs = session.get_outputs()
        self._names = [one.name for one in outputs]
        self._maps = next((one.name for one in outputs if one.type.startswith("seq(map(")), None)
        self._labels = next((one.name for one in outputs if one.type in ("tensor(int64)", "tensor(string)")), None)
        self._floats = next((one.name for one in outputs if one.type in ("tensor(float)", "tensor(double)")), None)

    def predict(self, table: Any, parameters: Mapping[str, Any]) -> Prediction:
        """Runs the graph; it takes no parameters."""
        outputs = dict(zip(self._names, self._session.run(self._names, self._feeds(table)), strict=True))
        labels = None if self._labels is None else outputs[self._labels]
        if self._maps:
            self.classes = self.classes or list(outputs[self._maps][0])
            rows = [[row[label] for label in self.classes] for row in outputs[self._maps]]
            return Prediction(labels, np.array(rows, np.float64))
        if len(outputs) == 2 and self._labels and self._floats:
            return Prediction(labels, np.asarray(outputs[self._floats], np.float64))
        if len(outputs) == 1:
            return Prediction(outputs[self._names[0]])
        values = [list(one) for one in outputs.values()]
        return Prediction([dict(zip(self._names, row, strict=True)) for row in zip(*values, strict=True)])

    def _feeds(self, table: Any) -> dict[str, NDArray[Any]]:
        """Arrays by input: a table goes whole into a graph of one input, else column by column."""
        if isinstance(table, dict):
            given = table
        elif len(self._types) == 1:
            given = {next(iter(self._types)): table.to_numpy() if hasattr(table, "to_numpy") else table}
        else:
            given = {name: table[name].to_numpy() for name in self._types}
        return {name: self._shaped(name, np.asarray(given[name], dtype)) for name, dtype in self._types.items()}

    def _shaped(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """A column of a table is flat, where a graph may want a matrix of one column."""
        return array.reshape(-1, 1) if array.ndim == 1 and len(self._shapes[name]) == 2 else array


def load(directory: Path, flavour: Mapping[str, Any]) -> OnnxPredictor:
    """The model of MLflow's flavour `onnx`, on the CPU, with one thread for a request unless it says otherwise."""
    library = importlib.import_module("onnxruntime")
    options, own = library.SessionOptions(), flavour.get("onnx_session_options") or {}
    options.intra_op_num_threads = own.get("intra_op_num_threads") or 1
    options.inter_op_num_threads = own.get("inter_op_num_threads") or 1
    if str(own.get("execution_mode", "")).upper() == "PARALLEL":
        options.execution_mode = library.ExecutionMode.ORT_PARALLEL
    if own.get("graph_optimization_level"):
        options.graph_optimization_level = library.GraphOptimizationLevel(own["graph_optimization_level"])
    for key, value in (own.get("extra_session_config") or {}).items():
        options.add_session_config_entry(key, value)
    path = str(directory / flavour["data"])
    return OnnxPredictor(library.InferenceSession(path, options, providers=["CPUExecutionProvider"]))


def _dtype(described: Any) -> str:
    if described.type not in _TYPES:
        raise UnsupportedModel(f"the graph's input {described.name} is a {described.type}, which no request can carry")
    return _TYPES[described.type]


def _inputs(types: Mapping[str, str], shapes: Mapping[str, Sequence[Any]]) -> Signature:
    """One input is a tensor; several of one column each are features; else tensors by name."""
    if len(types) == 1:
        name, dtype = next(iter(types.items()))
        return Signature(tensors=(TensorSpec(None, dtype, _shape(shapes[name])),))
    if all(len(shapes[name]) == 2 and shapes[name][1] == 1 and types[name] in _COLUMNS for name in types):
        return Signature(columns=tuple(ColumnSpec(name, _COLUMNS[dtype]) for name, dtype in types.items()))
    return Signature(tensors=tuple(TensorSpec(name, dtype, _shape(shapes[name])) for name, dtype in types.items()))


def _shape(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(one if isinstance(one, int) else -1 for one in shape) or (-1,)
