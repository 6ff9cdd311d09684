"""What training writes beside a model: rules that answer first, calibration out of fold, their threshold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.calibration import calibrated
from slipway.features.decision import Decision, read_decision
from slipway_pipelines import answering
from slipway_pipelines.calibrate import fit_calibration
from slipway_pipelines.criteria import parse
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import EvaluationPlan, Frozen, evaluate, freeze
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline, fit
from slipway_pipelines.folds import folds
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.model_directory import Documents, save
from slipway_pipelines.profile import prediction_reference, slice_values
from slipway_pipelines.request import read_request
from slipway_pipelines.rules import check_answers, read_rules, serving_rules
from slipway_pipelines.split import Splits
from slipway_pipelines.validate import validate

from tests.unit.pipelines.made import COLUMNS, environment, table, task

BINARY = "BinaryClassification"
RULES = {
    "when": [
        {"name": "large", "if": "amount > 200 and country != 'IT'", "predict": "1"},
        {"name": "small", "if": "amount < 20", "predict": "0"},
    ]
}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return validate(table(1500), COLUMNS, BINARY, "1")


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Any:
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "NaiveBayes", {}, 1))
    fit(pipeline, rows.iloc[:900], COLUMNS)
    return pipeline


def asked(**changes: Any) -> ModelTaskSpec:
    return ModelTaskSpec.model_validate(task(rules=RULES, **changes))


def frozen(fitted: Any, **parts: Any) -> Frozen:
    given = {"rules": read_rules(asked(), COLUMNS)} | parts
    return Frozen(fitted, COLUMNS, BINARY, ("0", "1"), "1", 0.5, **given)


def test_rules_answer_before_the_model_and_its_scores_stay(rows: pd.DataFrame, fitted: Any) -> None:
    ruled, plain = frozen(fitted).rows(rows), frozen(fitted, rules=()).rows(rows)
    large = (rows["amount"] > 200) & rows["country"].isin(["FR", "US"])
    small = rows["amount"] < 20
    assert ruled.by_rule is not None
    assert ruled.by_rule.tolist() == (large | small).tolist()
    expected = np.where(large, 1, np.where(small, 0, plain.predicted))
    assert ruled.predicted.tolist() == expected.tolist()
    assert (ruled.predicted != plain.predicted).any()
    np.testing.assert_array_equal(ruled.scores, plain.scores)


def test_the_reference_of_scores_leaves_out_what_rules_answer(rows: pd.DataFrame, fitted: Any) -> None:
    parts = Splits(rows.iloc[:900], rows.iloc[900:1200], rows.iloc[1200:])
    judged = evaluate(frozen(fitted), parts, EvaluationPlan((), 1)).rows
    found = prediction_reference(judged, ("0", "1"))
    assert judged.by_rule is not None
    assert sum(found["scores"]["counts"]) == (~judged.by_rule).sum() < len(judged)
    assert sum(found["classes"].values()) == len(judged)


def test_the_threshold_counts_the_answers_of_rules(rows: pd.DataFrame, fitted: Any) -> None:
    criterion = parse("c", "recall >= 0.5 at precision >= 0.9", tuple(METRICS[BINARY]))
    plain = freeze(frozen(fitted, rules=()), rows, (criterion,))
    kinds = {"when": [{"name": "all", "if": "amount > 0 and items is not missing", "predict": "0"}]}
    rules = read_rules(ModelTaskSpec.model_validate(task(rules=kinds)), COLUMNS)
    ruled = freeze(frozen(fitted, rules=rules), rows, (criterion,))
    assert plain.threshold is not None
    assert ruled.threshold is not None
    assert ruled.threshold != plain.threshold
    scores = ruled.rows(rows).score[rows["items"].isna().to_numpy()]
    assert scores.min() <= ruled.threshold <= scores.max(), "chosen among the scores of the rows that the model answers"


def test_a_rule_for_the_model_only_is_not_served() -> None:
    spec = ModelTaskSpec.model_validate(task(rules={**RULES, "serve": "ModelOnly"}))
    rules = read_rules(spec, COLUMNS)
    assert len(rules) == 2
    assert serving_rules(spec, rules) == ()
    assert serving_rules(asked(), rules) == rules


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "a", "if": "amount > 'x'", "predict": "1"}, "rule 'a', character 10"),
        ({"name": "a", "if": "note == 'x'", "predict": "1"}, "'note' is no feature that can be used here"),
    ],
)
def test_a_wrong_rule_ends_the_run_before_any_data_is_read(tmp_path: Path, rule: dict[str, str], said: str) -> None:
    given = environment(tmp_path / "x.csv", tmp_path / "told", "http://127.0.0.1:9", task={"rules": {"when": [rule]}})
    with pytest.raises(DataFault, match=said) as caught:
        read_request(given)
    assert caught.value.reason == "RuleInvalid"


def test_a_rule_that_predicts_no_class_is_named() -> None:
    rules = read_rules(asked(), COLUMNS)
    with pytest.raises(DataFault, match="rule 'large' predicts '1'; the label has 'no', 'yes'"):
        check_answers(rules, ("no", "yes"))


def test_criteria_of_the_calibration_are_judged_with_the_others(tmp_path: Path) -> None:
    calibration = {"method": "Sigmoid", "criteria": ["ece <= 0.1", "brier_score <= 0.2"]}
    given = environment(tmp_path / "x.csv", tmp_path / "told", "x", task={"calibration": calibration})
    assert [one.name for one in read_request(given).criteria] == ["rank", "calibration-1", "calibration-2"]


@pytest.mark.parametrize("method", ["Isotonic", "Sigmoid"])
@pytest.mark.parametrize("by_time", [False, True])
def test_calibrated_scores_are_nearer_to_the_truth_on_rows_never_seen(
    rows: pd.DataFrame, method: str, by_time: bool
) -> None:
    """A tree grown to the end is sure of everything, also of what it has learned by heart."""
    inputs, test = rows.iloc[:900], rows.iloc[900:]
    tree = build_pipeline(COLUMNS, build_estimator(BINARY, "DecisionTreeClassifier", {}, 1))
    fit(tree, inputs, COLUMNS)
    found = fit_calibration(method, tree, inputs, COLUMNS, "1", by_time)
    before = frozen(tree, rules=()).rows(test)
    after = frozen(tree, rules=(), calibration=found).rows(test)
    truth = before.is_positive.astype(float)
    assert ((after.score - truth) ** 2).mean() < 0.9 * ((before.score - truth) ** 2).mean()
    np.testing.assert_allclose(after.score, calibrated(found, before.score))
    np.testing.assert_allclose(after.scores.sum(axis=1), 1)


def test_no_entity_is_in_both_halves_of_a_fold_and_no_model_sees_the_future(rows: pd.DataFrame) -> None:
    for fitted_on, held in folds(rows, COLUMNS, by_time=False, count=5):
        assert not set(rows["card"].iloc[fitted_on]) & set(rows["card"].iloc[held])
    blocks = list(folds(rows, COLUMNS, by_time=True, count=5))
    assert len(blocks) == 5
    for fitted_on, held in blocks:
        assert rows["at"].iloc[fitted_on].max() < rows["at"].iloc[held].min()
    alone = replace(COLUMNS, entity=None)
    every = np.concatenate([held for _, held in folds(rows, alone, by_time=False, count=5)])
    assert sorted(every.tolist()) == list(range(len(rows)))


def test_too_few_rows_of_a_class_are_said(rows: pd.DataFrame, fitted: Any) -> None:
    with pytest.raises(DataFault, match="needs 30 rows of each class") as caught:
        fit_calibration("Isotonic", fitted, rows.iloc[:40], COLUMNS, "1", False)
    assert caught.value.reason == "CalibrationTooFewRows"


def test_slices_are_those_of_inputs(rows: pd.DataFrame) -> None:
    found = slice_values(rows, COLUMNS, ("country", "weekday", "items"))
    assert [one["column"] for one in found] == ["items", "country"]
    assert sorted(found[1]["values"]) == ["FR", "IT", "US"]
    assert set(found[0]["values"]) == {str(number) for number in range(1, 9)}


@pytest.mark.parametrize("method", ["Isotonic", "Sigmoid"])
def test_the_server_answers_as_training_judged(rows: pd.DataFrame, fitted: Any, tmp_path: Path, method: str) -> None:
    from slipway_serving.service.model import load_model

    given = environment(tmp_path / "x.csv", tmp_path / "told", "x", task={"rules": RULES})
    request = read_request(given)
    calibration = fit_calibration(method, fitted, rows.iloc[:900], COLUMNS, "1", True)
    model = replace(frozen(fitted, calibration=calibration, rules=request.rules), threshold=0.37)
    document = answering.decision(request, model).document()
    assert read_decision(json.dumps(document)).calibration == calibration
    profile = {"classes": ["0", "1"], "positive": "1", "features": []}
    save(fitted, tmp_path / "model", COLUMNS, BINARY, Documents(profile, document))
    served = load_model(tmp_path / "model")
    inputs = rows[list(COLUMNS.features)].replace({np.nan: None}).to_numpy(object).tolist()
    answer, judged = served.answer(served.schema.read(inputs)), model.rows(rows)
    assert answer.classes is not None
    assert answer.decided_by is not None
    assert answer.scores is not None
    assert judged.by_rule is not None
    assert answer.classes.tolist() == judged.predicted.tolist()
    assert (answer.decided_by >= 0).tolist() == judged.by_rule.tolist()
    np.testing.assert_array_equal(answer.scores[~judged.by_rule], judged.score[~judged.by_rule])


def test_a_layer_of_a_model_without_rules_and_calibration_is_its_threshold(tmp_path: Path, fitted: Any) -> None:
    request = read_request(environment(tmp_path / "x.csv", tmp_path / "told", "x"))
    assert answering.decision(request, frozen(fitted, rules=())) == Decision(threshold=0.5)
