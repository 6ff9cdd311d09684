"""The model without HTTP: thresholds, labels, missing values, every serialisation."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slipway.features.slices import slice_column
from slipway_serving.service.answers import ModelFault
from slipway_serving.service.flavours.sklearn import SklearnPredictor
from slipway_serving.service.flavours.supported import UnsupportedModel
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.profile import Profile, ReferenceFeature
from slipway_serving.service.schema import schema_of
from slipway_serving.service.signature import ColumnSpec, Signature

from tests.unit.serving.models import Slow, save_object, save_sklearn

ONE_NUMBER = schema_of(Signature(), Profile(), Signature())


class Stub:
    """A classifier that answers what it is told."""

    def __init__(self, classes: list[Any] | None, answer: Any) -> None:
        self.answer = answer
        if classes is not None:
            self.classes_ = np.array(classes)

    def predict(self, table: Any) -> Any:
        return np.asarray(self.answer)


class Probable(Stub):
    """The same with probabilities."""

    def predict_proba(self, table: Any) -> Any:
        return np.asarray(self.answer)


def served(model: Stub, profile: Profile | None = None) -> ServedModel:
    return ServedModel(SklearnPredictor(model), ONE_NUMBER, profile or Profile())


@pytest.mark.parametrize(
    ("kind", "value", "slices"),
    [("datetime", datetime(2026, 5, 1), 0), ("string", "1", 1), ("long", 1, 1), ("boolean", True, 1)],
)
def test_every_slice_that_a_profile_asks_for_can_be_counted(kind: str, value: Any, slices: int) -> None:
    profile = Profile(slices=(slice_column("a", ["1"]),))
    schema = schema_of(Signature(columns=(ColumnSpec("a", kind),)), profile, Signature())
    model = ServedModel(SklearnPredictor(Stub([0, 1], [1])), schema, profile)
    assert len(model.countable.slices) == slices
    assert model.sliced([[value]]).tolist() == [[0] * slices]


@pytest.mark.parametrize("serialisation", ["pickle", "cloudpickle", "skops"])
def test_every_serialisation_loads_and_agrees_with_mlflow(tmp_path: Path, serialisation: str) -> None:
    import mlflow.sklearn
    import pandas as pd

    directory = save_sklearn(tmp_path / "model", serialisation)
    rows = [[0.3, "it"], [0.7, "de"], [0.5, "it"]]
    model = load_model(directory)
    expected = mlflow.sklearn.load_model(str(directory)).predict(pd.DataFrame(rows, columns=["amount", "country"]))
    assert model.answer(model.schema.read(rows)).labels == expected.tolist()
    assert model.class_names == ("0", "1")


def test_missing_values_are_asked_of_the_model(tmp_path: Path) -> None:
    columns = load_model(save_sklearn(tmp_path / "model")).schema.columns
    assert {column.name: column.nullable for column in columns} == {"amount": True, "country": True}


def test_the_positive_class_answers_from_its_threshold_on() -> None:
    model = Probable(["no", "yes"], [[0.71, 0.29], [0.7, 0.3], [0.2, 0.8]])
    profile = Profile(positive="yes", threshold=0.3)
    answer = served(model, profile).answer([[1.0, 2.0, 3.0]])
    assert answer.labels == ["no", "yes", "yes"]
    assert (answer.threshold, np.asarray(answer.scores).tolist()) == (0.3, [0.29, 0.3, 0.8])
    assert served(model).answer([[1.0, 2.0, 3.0]]).labels == ["no", "no", "yes"]


def test_several_classes_answer_the_most_probable() -> None:
    answer = served(Probable(["a", "b", "c"], [[0.2, 0.3, 0.5]]), Profile(positive="a")).answer([[1.0]])
    assert (answer.labels, answer.classes) == (["c"], np.array([2]))
    assert (np.asarray(answer.scores).tolist(), answer.threshold) == ([0.5], None)


def test_labels_without_probabilities_and_regressions() -> None:
    answer = served(Stub(["a", "b"], ["b"])).answer([[1.0]])
    assert (answer.labels, answer.scores, answer.threshold) == (["b"], None, None)
    answer = served(Stub(None, [1.5, 2.5])).answer([[1.0, 2.0]])
    assert (answer.labels, answer.classes, answer.threshold) == ([1.5, 2.5], None, None)
    assert np.asarray(answer.scores).tolist() == [1.5, 2.5]


@pytest.mark.parametrize("model", [Probable(["a", "b"], [[np.nan, np.nan]]), Stub(None, [np.inf])])
def test_what_is_no_answer_is_a_fault_of_the_model(model: Stub) -> None:
    with pytest.raises(ModelFault):
        served(model).answer([[1.0]])


@pytest.mark.parametrize(
    ("predicted", "counted"),
    [({"no": 90.0, "yes": 10.0}, (90.0, 10.0)), ({"yes": 5.0}, (0.0, 5.0)), ({"maybe": 5.0}, ())],
)
def test_held_out_predictions_count_in_the_order_of_the_classes(
    predicted: dict[str, float], counted: tuple[float, ...]
) -> None:
    assert served(Stub(["no", "yes"], ["no"]), Profile(predicted=predicted)).countable.predicted == counted


def test_profiled_values_are_numbers_or_indices_of_categories() -> None:
    features = (ReferenceFeature("b", False, (), ("x", "y"), (1, 1, 0)), ReferenceFeature("a", True, (0,), (), (1, 1)))
    signature = Signature((ColumnSpec("a", "double"), ColumnSpec("b", "string")))
    profile = Profile(features)
    model = ServedModel(SklearnPredictor(Stub(["0"], ["0"])), schema_of(signature, profile, Signature()), profile)
    rows = model.measured(model.schema.read([[1, "y"], [None, None], [2.5, "z"]]))
    np.testing.assert_array_equal(rows, [[1, 1], [np.nan, np.nan], [2, 2.5]])


def test_a_numeric_profile_of_a_text_is_not_measured() -> None:
    """A profile beside a signature that contradicts it must not make requests fail."""
    profile = Profile((ReferenceFeature("a", True, (0,), (), (1, 1)),))
    schema = schema_of(Signature((ColumnSpec("a", "string"),)), profile, Signature())
    model = ServedModel(SklearnPredictor(Stub(["0"], ["0"])), schema, profile)
    assert (model.features, model.measured([["x"]]).shape) == ((), (1, 0))


def save_fussy(directory: Path, example: dict[str, Any] | None) -> Path:
    """A model that knows two countries and no other, and takes a missing amount."""
    save_object(directory, Fussy())
    columns = [{"name": "country", "type": "string"}, {"name": "amount", "type": "double", "required": False}]
    description = json.loads((directory / "MLmodel").read_text()) | {"signature": {"inputs": json.dumps(columns)}}
    if example is not None:
        description["saved_input_example_info"] = {"serving_input_path": "serving_input_example.json"}
        (directory / "serving_input_example.json").write_text(json.dumps(example))
    (directory / "MLmodel").write_text(json.dumps(description))
    return directory


class Fussy:
    """Fails on what it does not know, as an encoder with handle_unknown="error" does."""

    def predict(self, table: Any) -> Any:
        known = {"it": 1.0, "de": 2.0}
        return np.array([known[country] for country in table["country"]])


def test_without_a_usual_row_the_signature_tells_what_may_be_missing(tmp_path: Path) -> None:
    columns = load_model(save_fussy(tmp_path / "model", None)).schema.columns
    assert {column.name: column.nullable for column in columns} == {"country": False, "amount": True}


@pytest.mark.parametrize(
    "example",
    [
        {"dataframe_split": {"columns": ["country", "amount"], "data": [["it", 1.0]]}},
        {"inputs": [["de", 2.0]]},
        {"dataframe_split": {"columns": ["country", "amount"], "data": [["nowhere", 1.0]]}},
        {"dataframe_split": {"columns": ["other"], "data": [[1]]}},
        {"unknown": 1},
        {"inputs": {}},
        [1],
    ],
)
def test_the_models_own_example_shows_what_it_tolerates(tmp_path: Path, example: Any) -> None:
    columns = load_model(save_fussy(tmp_path / "model", example)).schema.columns
    assert {column.name: column.nullable for column in columns} == {"country": False, "amount": True}


def test_an_optional_feature_may_be_left_out(tmp_path: Path) -> None:
    model = load_model(save_fussy(tmp_path / "model", None))
    assert model.answer(model.schema.read([{"country": "it"}, {"country": "de", "amount": 1}])).labels == [1.0, 2.0]


def test_another_flavour_is_refused_in_words(tmp_path: Path) -> None:
    directory = save_object(tmp_path / "model", Slow(0))
    (directory / "MLmodel").write_text(json.dumps({"flavors": {"spark": {}}}))
    with pytest.raises(UnsupportedModel, match="spark; supported are sklearn, xgboost"):
        load_model(directory)
