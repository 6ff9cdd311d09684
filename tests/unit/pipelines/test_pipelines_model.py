"""Estimators, the fitted Pipeline, the reference profile, the report."""

from __future__ import annotations

import json
import pickle
import pickletools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from slipway_pipelines import report
from slipway_pipelines.estimate import Estimate
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline, fit
from slipway_pipelines.metrics import Rows
from slipway_pipelines.model_directory import _signature
from slipway_pipelines.profile import BINS, bucket, feature_references, prediction_reference, reference_edges
from slipway_pipelines.validate import validate

from tests.unit.pipelines.made import COLUMNS, table

BINARY = "BinaryClassification"
values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("kind", "name", "made"),
    [
        (BINARY, "Linear", "LogisticRegression"),
        (BINARY, "RandomForest", "RandomForestClassifier"),
        (BINARY, "GradientBoosting", "HistGradientBoostingClassifier"),
        (BINARY, "NaiveBayes", "GaussianNB"),
        (BINARY, "NearestNeighbours", "KNeighborsClassifier"),
        (BINARY, "DummyClassifier", "DummyClassifier"),
        ("MulticlassClassification", "LogisticRegression", "LogisticRegression"),
        ("Regression", "Linear", "Ridge"),
        ("Regression", "GradientBoosting", "HistGradientBoostingRegressor"),
    ],
)
def test_names_of_the_api_and_of_scikit_learn(kind: str, name: str, made: str) -> None:
    assert type(build_estimator(kind, name, {}, 1)).__name__ == made


def test_every_estimator_of_the_api_is_built_for_some_task_or_said_to_be_inactive() -> None:
    from typing import get_args

    from slipway.api.v1alpha1.training_trainer import Estimator

    for name in set(get_args(Estimator)) - {"IsolationForest"}:
        build_estimator(BINARY, name, {}, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("0.5", 0.5), ("None", None), ("null", None), ("true", True), ("l2", "l2"), ("{'1': 3}", {"1": 3})],
)
def test_parameters_from_text(text: str, value: Any) -> None:
    name = {10: "n_estimators", 0.5: "max_features", None: "max_depth", True: "bootstrap"}.get(
        value if isinstance(value, int | float | bool | type(None)) else "", "class_weight"
    )
    if text == "true":
        name = "bootstrap"
    if text == "l2":
        assert build_estimator(BINARY, "LogisticRegression", {"penalty": text}, 1).penalty == value
        return
    assert getattr(build_estimator(BINARY, "RandomForest", {name: text}, 1), name) == value


def test_a_class_that_looks_like_a_number_stays_text() -> None:
    made = build_estimator(BINARY, "DummyClassifier", {"strategy": "constant", "constant": "0"}, 1)
    assert made.constant == "0"
    assert build_estimator("Regression", "DummyRegressor", {"strategy": "constant", "constant": "0"}, 1).constant == 0


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "reason", "named"),
    [
        (BINARY, "os.system", {}, "EstimatorUnknown", "LogisticRegression"),
        (BINARY, "NaiveBayesian", {}, "EstimatorUnknown", "NaiveBayes"),
        ("Regression", "NaiveBayes", {}, "EstimatorUnknown", "Ridge"),
        (BINARY, "Linear", {"Q": "1"}, "ParameterUnknown", "max_iter"),
        (BINARY, "Linear", {"C": "much"}, "ParameterValue", "'C' parameter"),
        (BINARY, "Linear", {"C": "__import__('os').system('x')"}, "ParameterValue", "'C' parameter"),
        ("Ranking", "Linear", {}, "TaskTypeUnsupported", "Regression"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_legal(
    kind: str, name: str, parameters: dict[str, str], reason: str, named: str
) -> None:
    with pytest.raises(DataFault, match=named) as caught:
        build_estimator(kind, name, parameters, 1)
    assert caught.value.reason == reason


def test_the_seed_reaches_the_estimator_unless_it_has_its_own() -> None:
    assert build_estimator(BINARY, "RandomForest", {}, 5).random_state == 5
    assert build_estimator(BINARY, "RandomForest", {"random_state": "6"}, 5).random_state == 6


@pytest.fixture(scope="module")
def fitted() -> tuple[Any, pd.DataFrame]:
    rows = validate(table(), COLUMNS, BINARY, "1")
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "Linear", {}, 1))
    assert fit(pipeline, rows, COLUMNS) == ()
    return pipeline, rows


def test_the_pickle_needs_nothing_of_ours(fitted: tuple[Any, pd.DataFrame]) -> None:
    names = [text for _, text, _ in pickletools.genops(pickle.dumps(fitted[0])) if isinstance(text, str)]
    assert not [name for name in names if "slipway" in name]


def test_the_signature_names_every_input_in_order_texts_too() -> None:
    columns = replace(COLUMNS, text=("note",))
    assert _signature(columns, "BinaryClassification").inputs.input_names() == list(columns.features)


def test_ids_entities_times_and_labels_are_no_inputs(fitted: tuple[Any, pd.DataFrame]) -> None:
    assert set(fitted[0].feature_names_in_) == {"amount", "items", "country"}


def test_a_null_of_json_and_a_nan_of_pandas_mean_the_same(fitted: tuple[Any, pd.DataFrame]) -> None:
    row = {"amount": 10.0, "items": np.nan, "country": "US"}
    absent = [pd.DataFrame([{**row, "country": value}]) for value in (None, np.nan)]
    answers = [fitted[0].predict_proba(each) for each in absent]
    assert (answers[0] == answers[1]).all()
    assert fitted[0].predict_proba(pd.DataFrame([{**row, "country": "never seen"}])).sum() == pytest.approx(1)


def test_an_estimator_that_refuses_the_data_says_so() -> None:
    rows = validate(table(), COLUMNS, BINARY, "1").head(3)
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "GradientBoosting", {"early_stopping": "True"}, 1))
    with pytest.raises(DataFault, match="refuses the data"):
        fit(pipeline, rows, COLUMNS)


@given(values)
@example([-1000000.0, -999999.9999999999])  # halfway between neighbours is one of them
@example([-1000000.0, -999999.9999999999, -999999.9999999998])
def test_edges_are_few_strict_and_leave_no_bucket_empty(found: list[float]) -> None:
    numbers = np.array(found)
    edges = reference_edges(numbers)
    assert len(edges) < BINS
    assert (np.diff(edges) > 0).all()
    counts = np.bincount(bucket(numbers, edges), minlength=len(edges) + 1)
    assert counts.sum() == len(found)
    assert (counts > 0).all(), "no bucket of the reference is empty"


def test_buckets_of_a_continuous_feature_are_even() -> None:
    numbers = np.random.default_rng(0).normal(size=2000)
    counts = np.bincount(bucket(numbers, reference_edges(numbers)))
    assert len(counts) == BINS
    assert counts.max() - counts.min() <= 1


def test_a_value_that_many_share_has_its_own_bucket() -> None:
    numbers = np.concatenate([np.zeros(600), np.random.default_rng(0).uniform(1, 2, 400)])
    counts = np.bincount(bucket(numbers, reference_edges(numbers)))
    assert counts[0] == 600


def test_coded_features_have_a_bucket_for_each_value() -> None:
    numbers = np.repeat([0.0, 0.5, 1.0], [600, 300, 100])
    assert reference_edges(numbers).tolist() == [0.25, 0.75]


def test_a_constant_feature_has_one_bucket() -> None:
    assert reference_edges(np.full(10, 3.0)).size == 0
    assert reference_edges(np.array([np.nan])).size == 0


def test_references_count_every_row_once() -> None:
    rows = validate(table(), COLUMNS, BINARY, "1")
    for feature in feature_references(rows, COLUMNS):
        assert sum(feature["counts"]) + feature["missing"] == 600
        assert len(feature["counts"]) == len(feature.get("edges", feature.get("values", []))) + 1
    json.dumps(feature_references(rows, COLUMNS), allow_nan=False)


def test_a_feature_of_many_categories_keeps_the_frequent_ones() -> None:
    many = pd.DataFrame({"country": [f"c{number % 50}" for number in range(1000)] + ["c7"] * 100})
    from slipway_pipelines.columns import Columns

    (feature,) = feature_references(many, Columns((), ("country",), "y"))
    assert feature["values"][0] == "c7"
    assert len(feature["values"]) == BINS - 1
    assert sum(feature["counts"]) == 1100


def test_the_reference_of_predictions() -> None:
    score = np.linspace(0.01, 0.99, 100)
    rows = Rows(np.zeros(100), (score >= 0.9).astype(int), np.column_stack([1 - score, score]), positive=1)
    found = prediction_reference(rows, ("0", "1"))
    assert found["classes"] == {"0": 90, "1": 10}
    assert sum(found["scores"]["counts"]) == found["rows"] == 100


def test_a_report_fits_the_termination_message_whatever_it_says() -> None:
    draws = np.linspace(0.12345678, 0.987654321, 50)
    many = {f"metric_{number}": Estimate("m", 0.123456789, draws, 1.0, 50, 1.0) for number in range(100)}
    told = {"runId": "r", "version": "1", "metrics": report.metric_entries(many, {}, ["metric_7"])}
    text = report.encoded(told)
    assert len(text.encode()) <= report.LIMIT
    kept = json.loads(text)
    assert kept["metrics"][0]["name"] == "metric_7"
    assert kept["runId"] == "r"


def test_of_many_criteria_those_that_are_not_met_are_always_told() -> None:
    part = {"value": "0.123456", "low": "0.123456", "bound": "balanced_accuracy >= 0.95", "at": {"bound": "f1 >= 0.8"}}
    criteria = [{"name": f"{number}-{'n' * 60}", "met": True, "note": "w" * 300, **part} for number in range(25)]
    criteria[20]["met"] = False
    text = report.encoded({"runId": "r", "evaluation": "failed", "criteria": criteria, "metrics": []})
    assert len(text.encode()) <= report.LIMIT
    kept = json.loads(text)["criteria"]
    assert [one["name"][:3] for one in kept if not one["met"]] == ["20-"]


def test_what_differs_of_a_reproduction_is_told_as_far_as_there_is_room() -> None:
    told = {"runId": "r", "reproduction": {"level": "Different", "differs": ["ж" * 200 for _ in range(11)]}}
    text = report.encoded(told)
    assert len(text.encode()) <= report.LIMIT
    assert len(json.loads(text)["reproduction"]["differs"]) > 5


def test_an_error_of_control_characters_fits() -> None:
    fault = DataFault("SourceUnreadable", "\x00\x01" * 3000 + 'the end "' * 500)
    text = report.encoded(report.error_report(fault, "acquire", {}))
    assert len(text.encode()) <= report.LIMIT
    assert "the end" in json.loads(text)["error"]["message"]


def test_a_long_error_is_cut_and_stays_json() -> None:
    fault = DataFault("ColumnMissing", "ä" * 9000)
    text = report.encoded(report.error_report(fault, "validate", {"acquire": 1.0}))
    assert len(text.encode()) <= report.LIMIT
    assert json.loads(text)["error"]["reason"] == "ColumnMissing"


def test_numbers_are_text_and_an_undefined_one_is_empty() -> None:
    assert report.number(0.1234567) == "0.123457"
    assert report.number(float("nan")) == ""
