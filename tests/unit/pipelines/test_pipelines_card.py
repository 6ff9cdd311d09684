"""The model card: everything that a person should know stands in it, and nobody's words make markup."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slipway_pipelines.card import card
from slipway_pipelines.data.prepare import Prepared, prepare
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import Evaluation, EvaluationPlan, Frozen, evaluate, freeze, unopened
from slipway_pipelines.fit import build_pipeline, fit
from slipway_pipelines.reference import Justification
from slipway_pipelines.request import TrainingRequest, read_request
from slipway_pipelines.steps import Steps
from slipway_pipelines.threshold import DEFAULT

from tests.unit.pipelines.made import environment, table

WHY = Justification("Unknown", "NoRules", "the task has no rules")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingRequest, Prepared, Frozen]:
    file = tmp_path_factory.mktemp("card") / "cards.csv"
    table().to_csv(file, index=False)
    asked: dict[str, Any] = {
        "slices": {"columns": ["country"], "minimumRows": 20},
        "value": {"truePositive": "amount", "falsePositive": "-4", "unit": "EUR"},
    }
    note = {
        "name": "a",
        "uri": file.as_uri(),
        "origin": "Organic",
        "exposureNote": "only | cards *with* <b>online</b> use",
    }
    given = environment(file, Path("/dev/null"), "http://127.0.0.1:9", task=asked, spec={"data": {"sources": [note]}})
    request = read_request(given)
    prepared = prepare(request, given, Steps())
    columns = request.columns
    pipeline = build_pipeline(columns, build_estimator("BinaryClassification", "Linear", {}, 1), prepared.chosen)
    fit(pipeline, prepared.parts.train, columns)
    model = Frozen(pipeline, columns, "BinaryClassification", tuple(pipeline.classes_), "1", DEFAULT)
    return request, prepared, freeze(model, prepared.parts.validation, request.criteria)


def judged(made: tuple[TrainingRequest, Prepared, Frozen]) -> Evaluation:
    request, prepared, model = made
    return evaluate(model, prepared.parts, EvaluationPlan(request.criteria, 1, ("recall",), slices=request.slices))


def test_it_says_what_it_is_for_what_it_saw_and_what_it_proved(made: Any) -> None:
    request, prepared, model = made
    text = card(request, prepared, model, judged(made), WHY, 2)
    for said in (
        "# fraud", "Lose less to fraud", "team/run-1", "Linear, seed 7", "| amount | Numeric |", prepared.source.digest,
        "| rank | roc_auc >= 0.7 |", "opened 2 times", "| net_value |", "in EUR", "country=US", "the task has no rules",
        "not fitted again",
    ):  # fmt: skip
        assert said in text, said
    assert r"only \| cards \*with\* \<b>online\</b> use" in text


def test_every_table_has_as_many_cells_in_each_row(made: Any) -> None:
    request, prepared, model = made
    lines = card(request, prepared, model, judged(made), WHY, 1).splitlines()
    width = 0
    for line in lines:
        cells = line.replace(r"\|", "").count("|") if line.startswith("|") else 0
        assert cells in (0, width) or width == 0, line
        width = cells


def test_what_was_not_opened_is_told_as_that(made: Any) -> None:
    request, prepared, model = made
    plan = EvaluationPlan(request.criteria, 1)
    text = card(request, prepared, model, unopened(model, prepared.parts, plan, {"rank": "too few rows"}), WHY, 0)
    assert "The test rows stayed closed" in text
    assert "**Not all criteria are met.**" in text
    assert "rank (too few rows)" in text


def test_what_the_rows_cannot_tell_is_told(made: Any) -> None:
    request, prepared, model = made
    label = request.task.label.model_copy(update={"observation": "Selective"})
    task = request.task.model_copy(update={"label": label, "entity": None, "timestamp": None})
    text = card(replace(request, task=task), prepared, model, judged(made), WHY, 1)
    for said in ("only where nobody acted", "have no time", "have no entity"):
        assert said in text, said
    assert json.dumps(text)
