"""Money: what answers are worth on average, and the threshold that is worth most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway_pipelines.columns import Columns
from slipway_pipelines.columns_of_task import columns_of
from slipway_pipelines.criteria import parse
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics import METRICS, Rows, metrics_of
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.threshold import choose_threshold
from slipway_pipelines.validate import validate
from slipway_pipelines.worth import worths

from tests.unit.pipelines.made import COLUMNS, run, table, task

NET = METRICS["BinaryClassification"]["net_value"]
OUTCOMES = ("hit", "alarm", "left", "miss")


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths of both kinds, scores with ties, worths of all four outcomes."""
    count = draw(st.integers(2, 40))
    truth = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 1)))
    truth[0], truth[1] = 0, 1
    score = draw(hnp.arrays(np.float64, count, elements=st.integers(0, 6).map(lambda n: n / 6)))
    worth = draw(hnp.arrays(np.float64, (count, 4), elements=st.integers(-50, 50).map(float)))
    return truth, score, worth


def net(truth: np.ndarray, called: np.ndarray, worth: np.ndarray) -> float:
    """By the definition, row by row."""
    names = [("hit" if t else "alarm") if c else ("miss" if t else "left") for t, c in zip(truth, called, strict=True)]
    return float(np.mean([row[OUTCOMES.index(name)] for row, name in zip(worth, names, strict=True)]))


def columns_with(value: dict[str, str]) -> Columns:
    run_spec = TrainingRunSpec.model_validate(run("file:///cards.csv"))
    return columns_of(ModelTaskSpec.model_validate(task(value=value)), run_spec)


@given(judged())
def test_it_is_the_mean_worth_of_the_answers_in_any_order(made: Any) -> None:
    truth, score, worth = made
    called = score >= 0.5
    rows = Rows(truth, called.astype(int), np.column_stack([1 - score, score]), positive=1, worth=worth)
    in_order = sorted_by_score(rows)[0]
    for one in (rows, in_order, rows.where(np.ones(len(truth), bool))):
        assert NET.compute(one, np.ones((1, len(truth))))[0] == pytest.approx(net(truth, called, worth))
    twice = np.vstack([np.full(len(truth), 2.0), np.arange(len(truth)) == 0])
    assert NET.compute(rows, twice) == pytest.approx([net(truth, called, worth), net(truth[:1], called[:1], worth[:1])])


@given(judged())
def test_no_threshold_among_the_scores_is_worth_more_than_the_chosen_one(made: Any) -> None:
    truth, score, worth = made
    chosen = choose_threshold(score, truth == 1, [], worth)
    best = max(net(truth, score >= cut, worth) for cut in np.unique(score))
    assert net(truth, score >= chosen, worth) == pytest.approx(best)


def test_money_moves_the_threshold_only_where_the_criteria_hold() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(4000) < 0.3
    score = truth * 0.4 + rng.random(4000) * 0.6
    dear_alarms = np.tile([1.0, -50.0, 0.0, 0.0], (4000, 1))
    wanted = [parse("a", "recall >= 0.8 at precision >= 0.6", tuple(METRICS["BinaryClassification"]))]
    free = choose_threshold(score, truth, [], dear_alarms)
    bound = choose_threshold(score, truth, wanted, dear_alarms)
    assert (score >= free)[~truth].sum() == 0, "a false alarm costs more than fifty hits"
    assert (score >= bound)[truth].mean() > 0.8
    assert bound < free


def test_worths_are_columns_or_numbers_and_a_feature_is_called_by_its_own_name() -> None:
    value = {"truePositive": "amount", "falsePositive": "-4", "unit": "EUR"}
    columns = columns_with(value)
    assert columns.worth == ("amount", -4.0, 0.0, 0.0)
    raw = table(20)
    kept = validate(raw, columns, "BinaryClassification", "1")
    found = worths(kept, columns)
    assert found is not None
    assert found[:, 0] == pytest.approx(pd.to_numeric(raw["amount"]).to_numpy())
    assert (found[:, 1:] == [-4.0, 0.0, 0.0]).all()
    assert worths(kept, COLUMNS) is None
    assert "net_value" not in metrics_of("BinaryClassification", with_worth=False)


def test_a_row_whose_worth_nobody_knows_is_told_by_column_and_count() -> None:
    columns = columns_with({"truePositive": "refund", "unit": "EUR"})
    refunds = np.where(np.arange(20) < 3, None, 5.0)
    with pytest.raises(DataFault, match=r"column 'refund' .* 3 of 20 rows have no number"):
        validate(table(20).assign(refund=refunds), columns, "BinaryClassification", "1")
    assert "refund" not in columns.features, "what is known after the event is no input"
