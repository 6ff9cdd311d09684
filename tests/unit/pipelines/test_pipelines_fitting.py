"""Folds, early stopping and learning curves."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from slipway_pipelines.crossvalidate import scores, tried
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.folds import number_of_folds
from slipway_pipelines.plots import line_plot
from slipway_pipelines.split import Splits
from slipway_pipelines.stopping import fit_stopping
from slipway_pipelines.validate import validate

from tests.unit.pipelines.made import COLUMNS, table

BINARY = "BinaryClassification"


@pytest.fixture(scope="module")
def parts() -> Splits:
    rows = validate(table(900), COLUMNS, BINARY, "1")
    return Splits(rows.iloc[:500], rows.iloc[500:700], rows.iloc[700:])


@pytest.mark.parametrize(
    ("asked", "rows", "folds"), [("Auto", 9_999, 5), ("Auto", 10_000, 0), (0, 100, 0), (3, 50_000, 3)]
)
def test_folds_are_made_under_ten_thousand_rows_or_as_asked(asked: int | str, rows: int, folds: int) -> None:
    assert number_of_folds(asked, rows) == folds


@pytest.mark.parametrize(("count", "values"), [(5, 5), (3, 3), (0, 1)])
def test_each_fold_gives_a_value_and_without_folds_validation_does(parts: Splits, count: int, values: int) -> None:
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "Linear", {}, 1))
    found = scores(pipeline, parts, COLUMNS, BINARY, "1", "roc_auc", count, by_time=False)
    assert len(found) == values
    assert all(0.5 < value <= 1 for value in found)


def test_parameters_that_the_estimator_refuses_have_no_value(parts: Splits) -> None:
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "NearestNeighbours", {"n_neighbors": "10000"}, 1))
    assert math.isnan(tried(pipeline, parts, COLUMNS, BINARY, "1", "roc_auc", 5, False))


def test_boosting_stops_where_validation_does_and_its_losses_are_kept(parts: Splits) -> None:
    given = {"max_iter": "400", "learning_rate": "0.3"}
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "GradientBoosting", given, 1))
    found = fit_stopping(pipeline, parts, COLUMNS, BINARY, "1", "roc_auc")
    assert found.iterations is not None
    assert found.iterations < 100
    assert (found.curve.metric, found.curve.unit) == ("loss", "iteration")
    steps, train, held = zip(*found.curve.points, strict=True)
    assert len(steps) == found.iterations + 1
    assert train[-1] < train[0]
    assert held[-1] > min(held), "validation had stopped to improve"
    assert pipeline.predict_proba(parts.test[list(COLUMNS.features)]).shape == (200, 2)


def test_a_manifest_that_says_otherwise_is_obeyed(parts: Splits) -> None:
    given = {"max_iter": "150", "learning_rate": "0.3", "early_stopping": "false"}
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "GradientBoosting", given, 1))
    assert fit_stopping(pipeline, parts, COLUMNS, BINARY, "1", "roc_auc").iterations == 150


def test_a_class_that_training_lacks_judges_no_stop(parts: Splits) -> None:
    odd = replace(parts, validation=parts.validation.assign(fraud=np.where(parts.validation.index % 7, "0", "2")))
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "GradientBoosting", {}, 1))
    assert fit_stopping(pipeline, odd, COLUMNS, BINARY, "1", "roc_auc").iterations == 100


def test_an_estimator_without_steps_has_a_curve_over_rows(parts: Splits) -> None:
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "Linear", {}, 1))
    found = fit_stopping(pipeline, parts, COLUMNS, BINARY, "1", "roc_auc").curve
    assert (found.metric, found.unit) == ("roc_auc", "rows")
    assert [point[0] for point in found.points] == [125, 250, 375, 500]
    assert all(0.5 < value <= 1 for point in found.points for value in point[1:])


def test_a_picture_is_well_formed_and_leaves_out_what_is_unknown() -> None:
    text = line_plot("a < b", "step", "loss", {"train": [(1, 2.0), (2, 1.0)], "none": [(1, math.nan)]})
    lines = [each for each in ElementTree.fromstring(text) if each.tag.endswith("polyline")]
    assert len(lines) == 1
    assert len(lines[0].attrib["points"].split()) == 2
    ElementTree.fromstring(line_plot("empty", "x", "y", {}))
