"""The model without HTTP: thresholds, labels, missing values, every serialisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
    assert served(model).answer([[1.0, 2.0, 3.0]]).labels == ["no", "no", "yes"]


def test_several_classes_answer_the_most_probable() -> None:
    answer = served(Probable(["a", "b", "c"], [[0.2, 0.3, 0.5]]), Profile(positive="a")).answer([[1.0]])
    assert (answer.labels, answer.classes) == (["c"], np.array([2]))


def test_labels_without_probabilities_and_regressions() -> None:
    assert served(Stub(["a", "b"], ["b"])).answer([[1.0]]).labels == ["b"]
    answer = served(Stub(None, [1.5, 2.5])).answer([[1.0, 2.0]])
    assert (answer.labels, answer.classes) == ([1.5, 2.5], None)


@pytest.mark.parametrize("model", [Probable(["a", "b"], [[np.nan, np.nan]]), Stub(None, [np.inf])])
def test_what_is_no_answer_is_a_fault_of_the_model(model: Stub) -> None:
    with pytest.raises(ModelFault):
        served(model).answer([[1.0]])


def test_profiled_values_are_numbers_or_indices_of_categories() -> None:
    features = (ReferenceFeature("b", False, (), ("x", "y"), (1, 1, 0)), ReferenceFeature("a", True, (0,), (), (1, 1)))
    signature = Signature((ColumnSpec("a", "double"), ColumnSpec("b", "string")))
    profile = Profile(features)
    model = ServedModel(SklearnPredictor(Stub(["0"], ["0"])), schema_of(signature, profile, Signature()), profile)
    rows = model.measured(model.schema.read([[1, "y"], [None, None], [2.5, "z"]]))
    np.testing.assert_array_equal(rows, [[1, 1], [np.nan, np.nan], [2, 2.5]])


def test_another_flavour_is_refused_in_words(tmp_path: Path) -> None:
    directory = save_object(tmp_path / "model", Slow(0))
    (directory / "MLmodel").write_text(json.dumps({"flavors": {"spark": {}}}))
    with pytest.raises(UnsupportedModel, match="spark; supported are sklearn, xgboost"):
        load_model(directory)
