"""What a server hands over to its prober is what it takes itself: by both protocols, for every form of input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from slipway_serving.service.handover import instances, tensors
from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.protocol import read_json, read_v1, read_v2
from slipway_serving.service.schema import Schema, schema_of
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec
from slipway_serving.service.typical import ROWS, profile_rows

NAMED = (ColumnSpec("amount", "double"), ColumnSpec("country", "string"), ColumnSpec("at", "datetime"))
PROFILE = Profile(
    (
        ReferenceFeature("amount", True, (0.25, 0.5, 0.75), (), (10, 10, 10, 10)),
        ReferenceFeature("country", False, (), ("it", "de"), (30, 10, 90)),
    )
)
SIGNATURES = {
    "frame": Signature(columns=NAMED),
    "one column": Signature(columns=NAMED[:1]),
    "nameless frame": Signature(columns=(ColumnSpec(None, "long"), ColumnSpec(None, "boolean"))),
    "one nameless column": Signature(columns=(ColumnSpec(None, "double"),)),
    "matrix": Signature(tensors=(TensorSpec(None, "float32", (-1, 3)),)),
    "fixed batch": Signature(tensors=(TensorSpec(None, "float64", (4, 3)),)),
    "tensor": Signature(tensors=(TensorSpec("image", "uint8", (-1, 2, -1)),)),
    "nameless tensor": Signature(tensors=(TensorSpec(None, "float32", (-1, 2, 2)),)),
    "tensors": Signature(tensors=(TensorSpec("a", "int64", (-1, 2)), TensorSpec("b", "str", (-1, 1)))),
    "nothing known": Signature(),
}


def schema(name: str) -> Schema:
    return schema_of(SIGNATURES[name], Profile(), Signature())


@pytest.mark.parametrize("name", SIGNATURES)
def test_both_protocols_bring_the_same_columns_back(name: str) -> None:
    own = schema(name)
    for row in profile_rows(own, PROFILE):
        first = json.dumps({"instances": instances(own, row)}, allow_nan=False).encode()
        second = json.dumps({"inputs": tensors(own, row)}, allow_nan=False).encode()
        by_v1 = own.read(read_v1(read_json(first), 10))
        by_v2 = own.read(read_v2(read_json(second), own, 10))
        for one, other in zip(by_v1, by_v2, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert [len(column) for column in by_v1] == [len(column) for column in row]


def test_rows_of_a_profile_differ_and_are_of_its_values() -> None:
    rows = profile_rows(schema("frame"), PROFILE)
    assert len(rows) == ROWS
    assert rows[0][:2] == [[0.5], ["it"]], "the usual row first: the most frequent category that has a name"
    assert {row[0][0] for row in rows} == {0.25, 0.5, 0.75}
    assert {row[1][0] for row in rows} == {"it", "de"}
    assert len(profile_rows(schema("frame"), Profile())) == 1


def test_a_missing_value_is_null() -> None:
    assert instances(schema("one column"), [[float("nan")]]) == [{"amount": None}]
