"""Requests against the schema: what is right passes unchanged, what is wrong is refused by the field's name."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.service import protocol
from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.schema import Column, Form, InvalidInput, Schema, schema_of
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec

COLUMNS = {"amount": "double", "items": "long", "country": "string", "abroad": "boolean", "at": "datetime"}
SIGNATURE = Signature(tuple(ColumnSpec(name, kind) for name, kind in COLUMNS.items()))
TWO = Signature((ColumnSpec("a", "double"), ColumnSpec("b", "string")))
SCHEMA = schema_of(SIGNATURE, Profile(tolerated=frozenset({"card"})), Signature())
GOOD = {"amount": 1.5, "items": 2, "country": "it", "abroad": False, "at": "2026-01-31T12:00:00"}

WRONG: dict[str, list[Any]] = {
    "amount": ["1", True, [], {}, math.inf, 1e39, 10**400],
    "items": [1.5, "2", 2**63, True],
    "country": [1, "\ud800", [], False],
    "abroad": [0, "false"],
    "at": ["yesterday", 3, "0001-01-01"],
}


def test_a_good_instance_passes_by_name_and_by_position() -> None:
    by_name = SCHEMA.read([{**GOOD, "card": "c1"}])
    assert by_name == SCHEMA.read([list(GOOD.values())])
    assert [column[0] for column in by_name][:4] == [1.5, 2, "it", False]


@pytest.mark.parametrize(("field", "wrong"), [(field, wrong) for field, values in WRONG.items() for wrong in values])
def test_a_wrong_value_is_refused_by_name(field: str, wrong: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        SCHEMA.read([GOOD, {**GOOD, field: wrong}])
    assert caught.value.field == field
    assert caught.value.status == 400


def test_missing_and_unknown_features_are_named() -> None:
    without = {name: value for name, value in GOOD.items() if name != "items"}
    with pytest.raises(InvalidInput, match=r"^items: is missing"):
        SCHEMA.read([without])
    with pytest.raises(InvalidInput, match=r"^surplus: is no feature"):
        SCHEMA.read([{**GOOD, "surplus": 1}])
    with pytest.raises(InvalidInput, match="has 2 values, the model takes 5"):
        SCHEMA.read([[1, 2]])
    with pytest.raises(InvalidInput, match=r"instances\[0\]: must be an object"):
        SCHEMA.read(["text"])


def test_null_is_taken_where_the_model_tolerates_it() -> None:
    columns = SCHEMA.read([dict.fromkeys(GOOD)])
    assert math.isnan(columns[0][0])
    assert columns[2] == [None]
    with pytest.raises(InvalidInput, match=r"^country: must not be null"):
        SCHEMA.nullable(frozenset({"amount"})).read([{**GOOD, "country": None}])


def test_the_schema_falls_back_to_the_profile_and_to_the_model() -> None:
    profile = Profile((ReferenceFeature("a", True, (1,), (), (1, 1)), ReferenceFeature("b", False, (), ("x",), (1,))))
    own = Signature(tensors=(TensorSpec(None, "float64", (-1, 4)),))
    assert [column.type for column in schema_of(Signature(), profile, own).columns] == ["double", "string"]
    assert len(schema_of(Signature(), Profile(), own).columns) == 4
    assert schema_of(Signature(), Profile(), Signature()).form is Form.MATRIX


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a":' + b"9" * 9999]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="body"):
        protocol.read_json(body)


@pytest.mark.parametrize("document", [{}, {"instances": 3}, {"instances": []}, {"instances": [[1]] * 9}])
def test_v1_wants_a_bounded_list(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"^instances"):
        protocol.read_v1(document, 8)


def tensor(name: str, data: list[Any], **changes: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "FP64", "data": data, **changes}


def test_v2_takes_a_tensor_per_feature_or_one_matrix() -> None:
    schema = schema_of(TWO, Profile(), Signature())
    rows = protocol.read_v2({"inputs": [tensor("a", [1, 2]), tensor("b", ["x", "y"])]}, schema, 9)
    assert schema.read(rows) == [[1, 2], ["x", "y"]]
    matrix = {"inputs": [tensor("input", [1, "x", 2, "y"], shape=[2, 2])]}
    assert schema.read(protocol.read_v2(matrix, schema, 9)) == [[1, 2], ["x", "y"]]
    nested = {"inputs": [tensor("input", [[1, "x"], [2, "y"]], shape=[2, 2])]}
    assert schema.read(protocol.read_v2(nested, schema, 9)) == [[1, 2], ["x", "y"]]


@pytest.mark.parametrize(
    "inputs",
    [
        None,
        [],
        [3],
        [{"name": "a"}],
        [tensor("a", [1], shape=[2])],
        [tensor("a", [1], shape=["x"])],
        [tensor("a", [1]), tensor("b", ["x", "y"])],
        [tensor("a", [1, 2], shape=[1, 2]), {"shape": [1], "data": [1]}],
        [tensor("input", [1, 2, 3], shape=[1, 3])],
        [tensor("input", [[1, "x", 2], ["y", 3, "z"]], shape=[3, 2])],
        [tensor("a", [1, 2], shape=[1, 2]), tensor("b", ["x", "y"], shape=[1, 2])],
    ],
)
def test_v2_refuses_tensors_that_disagree(inputs: Any) -> None:
    schema = schema_of(TWO, Profile(), Signature())
    with pytest.raises(InvalidInput):
        schema.read(protocol.read_v2({"inputs": inputs}, schema, 9))


def test_a_tensor_of_the_only_feature_holds_one_value_for_each_instance() -> None:
    schema = Schema((Column("a", "double"),))
    assert protocol.read_v2({"inputs": [tensor("a", [1, 2], shape=[2, 1])]}, schema, 9) == [{"a": 1}, {"a": 2}]
    with pytest.raises(InvalidInput, match=r"^a: must have the shape \[rows\]"):
        protocol.read_v2({"inputs": [tensor("a", [1, 2, 3, 4], shape=[2, 2])]}, schema, 9)


def test_v2_may_leave_out_all_features_but_one() -> None:
    schema = Schema((Column("a", "double"), Column("b", "string", optional=True)))
    assert schema.read(protocol.read_v2({"inputs": [tensor("a", [1, 2])]}, schema, 9)) == [[1, 2], [None, None]]
    with pytest.raises(InvalidInput, match=r"^a: is missing"):
        schema.read(protocol.read_v2({"inputs": [tensor("b", ["x"])]}, schema, 9))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(document=st.dictionaries(st.sampled_from(["instances", "inputs", "id"]), json_values))
def test_no_document_raises_anything_but_a_refusal(document: dict[str, Any]) -> None:
    for version in (1, 2):
        try:
            rows = protocol.read_v1(document, 8) if version == 1 else protocol.read_v2(document, SCHEMA, 8)
            SCHEMA.read(rows)
        except InvalidInput as refusal:
            json.dumps({"field": refusal.field}).encode()
