"""Signatures as MLflow writes them, and tensors and parameters as requests carry them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from slipway_serving.service import protocol
from slipway_serving.service.parameters import Parameters
from slipway_serving.service.profile import Profile
from slipway_serving.service.schema import Form, InvalidInput, Schema, schema_of
from slipway_serving.service.signature import (
    ColumnSpec,
    ParameterSpec,
    Signature,
    TensorSpec,
    UnsupportedSignature,
    read_signature,
)
from slipway_serving.service.table import build_table
from slipway_serving.service.tensors import TensorInput

NOTHING = Signature()


def schema(*tensors: TensorSpec) -> Schema:
    return schema_of(Signature(tensors=tensors), Profile(), NOTHING)


def test_a_tensor_of_unsigned_numbers_takes_all_of_them() -> None:
    one = TensorInput("x", "uint64", (1,))
    assert [one.read([value]).tolist() for value in (0, 2**63, 2**64 - 1)] == [[0], [2**63], [2**64 - 1]]
    for value in (-1, 2**64):
        with pytest.raises(InvalidInput, match=r"^x: must fit uint64"):
            one.read([value])


def test_what_mlflow_infers_is_read() -> None:
    import pandas as pd
    from mlflow.models import infer_signature

    table = pd.DataFrame({"amount": [1.5, None], "items": [1, 2], "when": pd.to_datetime(["2026-01-01"] * 2)})
    params = {"top": 3, "words": ["a", "b"], "sure": True}
    read = read_signature(infer_signature(table, params=params).to_dict())
    assert read.columns == (
        ColumnSpec("amount", "double", False),
        ColumnSpec("items", "long"),
        ColumnSpec("when", "datetime"),
    )
    assert read.parameters == (
        ParameterSpec("top", "long", 3),
        ParameterSpec("words", "string", ["a", "b"], True),
        ParameterSpec("sure", "boolean", True),
    )
    tensors = infer_signature({"image": np.zeros((2, 4, 4), np.uint8), "mask": np.zeros((2, 4), bool)}).to_dict()
    assert read_signature(tensors).tensors == (
        TensorSpec("image", "uint8", (-1, 4, 4)),
        TensorSpec("mask", "bool", (-1, 4)),
    )
    assert not read_signature(None)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"inputs": '[{"name": "a", "type": "binary"}]'}, "feature a"),
        ({"inputs": '[{"type": "any"}]'}, "feature 0"),
        ({"inputs": '[{"name": "a", "type": "array", "items": {"type": "double"}}]'}, "array"),
        ({"inputs": '[{"name": "a", "type": "double"}, {"type": "double"}]'}, "names some"),
        ({"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "complex64", "shape": [-1]}}]'}, "complex64"),
        ({"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": []}}]'}, r"shape \[\]"),
        ({"inputs": '[{"type": "tensor", "name": "t", "tensor-spec": {"dtype": "int8", "shape": [0]}}]'}, "tensor t"),
        ({"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [1]}}]' * 1 + "x"}, "no JSON"),
        ({"inputs": "{}"}, "no list"),
        ({"params": '[{"name": "p", "type": "object", "default": {}}]'}, "parameter p"),
        ({"params": '[{"name": "p", "type": "double", "default": [[1]], "shape": [-1, -1]}]'}, "parameter p"),
    ],
)
def test_what_no_request_can_carry_is_refused_by_name(document: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedSignature, match=named):
        read_signature(document)


def test_columns_without_names_become_a_table_without_names() -> None:
    one = schema_of(Signature((ColumnSpec(None, "double"), ColumnSpec(None, "string"))), Profile(), NOTHING)
    table = build_table(one, one.read([[1, "x"], [2, "y"]]))
    assert (one.form, list(table.columns), table[1].tolist()) == (Form.NAMELESS_FRAME, [0, 1], ["x", "y"])


def test_a_matrix_has_the_signatures_type() -> None:
    one = schema(TensorSpec(None, "float32", (-1, 2)))
    table = build_table(one, one.read([[1, 2.5], [3, 4]]))
    assert (one.form, table.dtype, table.tolist()) == (Form.MATRIX, np.float32, [[1, 2.5], [3, 4]])


@given(
    array=st.sampled_from(["float32", "float64", "int8", "uint16", "int64", "bool"]).flatmap(
        lambda kind: arrays.arrays(
            kind,
            arrays.array_shapes(min_dims=1, max_dims=4, max_side=3),
            elements={"min_value": -(2.0**99), "max_value": 2.0**99} if kind.startswith("float") else None,
        )
    ),
    named=st.booleans(),
    free=st.booleans(),
)
def test_a_tensor_arrives_as_it_was_in_both_protocols(array: np.ndarray[Any, Any], named: bool, free: bool) -> None:
    shape = (-1, *((-1,) * (array.ndim - 1) if free else array.shape[1:]))
    one = schema(TensorSpec("t" if named else None, array.dtype.name, shape))
    rows = array.tolist()
    v1 = {"instances": [{"t": row} for row in rows] if named else rows}
    flat = {"name": "t", "shape": list(array.shape), "datatype": "FP32", "data": array.ravel().tolist()}
    for instances in (
        protocol.read_v1(v1, 99),
        protocol.read_v2({"inputs": [flat]}, one, 99),
        protocol.read_v2({"inputs": [{**flat, "data": rows}]}, one, 99),
    ):
        table = build_table(one, one.read(json.loads(json.dumps(instances))))
        got = table["t"] if isinstance(table, dict) else table
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype


IMAGE = TensorSpec("image", "uint8", (-1, 2, -1))
MASK = TensorSpec("mask", "bool", (-1,))


@pytest.mark.parametrize(
    ("instance", "field"),
    [
        ({"image": [[1], [2]]}, "mask"),
        ({"image": [[1]], "mask": True}, "image"),
        ({"image": [[1], [2, 3]], "mask": True}, "image"),
        ({"image": [1, 2], "mask": True}, "image"),
        ({"image": [[], []], "mask": True}, "image"),
        ({"image": [[256], [0]], "mask": True}, "image"),
        ({"image": [[-1], [0]], "mask": True}, "image"),
        ({"image": [[0.5], [0]], "mask": True}, "image"),
        ({"image": [["1"], [0]], "mask": True}, "image"),
        ({"image": [[None], [0]], "mask": True}, "image"),
        ({"image": None, "mask": True}, "image"),
        ({"image": [[1], [0]], "mask": 1}, "mask"),
        ({"image": [[1], [0]], "mask": [True]}, "mask"),
        ({"image": [[1], [0]], "mask": True, "more": 1}, "more"),
        ({"image": [[1, 2], [0, 0]], "mask": True}, "image"),
        ([[[1], [0]]], "instances[1]"),
        ("text", "instances[1]"),
    ],
)
def test_a_wrong_tensor_is_refused_by_name(instance: Any, field: str) -> None:
    one, good = schema(IMAGE, MASK), {"image": [[1], [2]], "mask": False}
    with pytest.raises(InvalidInput) as caught:
        one.read([good, instance])
    assert caught.value.field == field


@pytest.mark.parametrize(
    "inputs",
    [
        [{"name": "image", "shape": [1, 2, 1], "data": [1, 2]}],
        [{"name": "image", "shape": [2], "data": [1, 2]}, {"name": "mask", "shape": [2], "data": [True, False]}],
        [{"name": "image", "shape": [2, 1], "data": [1, 2]}, {"name": "mask", "shape": [1], "data": [True]}],
        [{"name": "image", "shape": [1, 2, 0], "data": []}, {"name": "mask", "shape": [1], "data": [True]}],
        [{"name": "image", "shape": [], "data": [1]}, {"name": "mask", "shape": [1], "data": [True]}],
        [{"name": "image", "shape": [1, 2, 1], "data": [1, 2], "datatype": "FP99"}],
        [{"name": "image", "shape": [1, 2, 1], "data": [1, 2], "datatype": ["FP32"]}],
    ],
)
def test_wrong_tensors_of_v2_are_refused(inputs: list[dict[str, Any]]) -> None:
    one = schema(IMAGE, MASK)
    with pytest.raises(InvalidInput):
        one.read(protocol.read_v2({"inputs": inputs}, one, 9))


def test_one_tensor_is_asked_for_where_the_model_takes_one() -> None:
    one = schema(TensorSpec(None, "float32", (-1, 2, 2)))
    tensor = {"name": "any", "shape": [1, 2, 2], "data": [1, 2, 3, 4]}
    assert len(protocol.read_v2({"inputs": [tensor]}, one, 9)) == 1
    with pytest.raises(InvalidInput, match="one tensor"):
        protocol.read_v2({"inputs": [tensor, {**tensor, "name": "more"}]}, one, 9)


def test_a_batch_of_a_fixed_size_is_asked_for() -> None:
    one = schema(TensorSpec(None, "float32", (2, 3)))
    assert build_table(one, one.read([[1, 2, 3]] * 2)).shape == (2, 3)
    with pytest.raises(InvalidInput, match="exactly 2 at once"):
        one.read([[1, 2, 3]])


def test_the_metadata_tells_shapes_and_types() -> None:
    assert protocol.describe_inputs(schema(IMAGE, MASK)) == [
        {"name": "image", "datatype": "UINT8", "shape": [-1, 2, -1]},
        {"name": "mask", "datatype": "BOOL", "shape": [-1]},
    ]


def test_answers_of_any_shape_become_tensors() -> None:
    def outputs(*predictions: Any) -> list[Any]:
        written = protocol.write_v2("m", "1", "i", predictions)["outputs"]
        return [(one["name"], one["shape"], one["datatype"], one["data"]) for one in written]

    assert outputs([1, 2.5], [3, 4]) == [("predict", [2, 2], "FP64", [1, 2.5, 3, 4])]
    assert outputs("a", None) == [("predict", [2], "BYTES", ["a", None])]
    assert outputs(True, False) == [("predict", [2], "BOOL", [True, False])]
    assert outputs({"a": 1, "b": "x"}, {"a": 2, "b": "y"}) == [
        ("a", [2], "INT64", [1, 2]),
        ("b", [2], "BYTES", ["x", "y"]),
    ]


SPECS = (
    ParameterSpec("top", "long", 3),
    ParameterSpec("words", "string", ["a"], many=True),
    ParameterSpec("since", "datetime", None),
)
PARAMETERS = Parameters(SPECS)


@pytest.mark.parametrize("member", ["parameters", "params"])
def test_parameters_are_completed_by_their_defaults(member: str) -> None:
    assert PARAMETERS.read({}) == {"top": 3, "words": ["a"], "since": None}
    read = PARAMETERS.read({member: {"top": 5, "since": "2026-01-01"}})
    assert (read["top"], read["words"], str(read["since"])) == (5, ["a"], "2026-01-01 00:00:00")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"params": {"temperature": 1}}, "temperature"),
        ({"params": {"\ud800" * 200: 1}}, ("\\ud800" * 200)[:100]),
        ({"params": {"top": "3"}}, "top"),
        ({"params": {"top": None}}, "top"),
        ({"params": {"words": "a"}}, "words"),
        ({"params": {"words": ["a", None]}}, "words"),
        ({"params": {"words": ["a"] * 1001}}, "words"),
        ({"params": {"since": "never"}}, "since"),
        ({"params": []}, "params"),
        ({"parameters": "top=3"}, "parameters"),
        ({"parameters": {}, "params": {}}, "params"),
    ],
)
def test_wrong_parameters_are_refused_by_name(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PARAMETERS.read(document)
    assert caught.value.field == field


def test_a_model_without_parameters_takes_none() -> None:
    assert Parameters().read({"parameters": {}}) == {}
    with pytest.raises(InvalidInput, match="declares none"):
        Parameters().read({"parameters": {"top": 3}})


def test_a_default_that_contradicts_its_type_does_not_load() -> None:
    with pytest.raises(ValueError, match="top"):
        Parameters((ParameterSpec("top", "long", "three"),))
