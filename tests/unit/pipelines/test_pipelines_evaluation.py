"""Intervals, criteria and thresholds: what a model has proved, and what it has not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_pipelines.criteria import Criterion, Part, judge, parse
from slipway_pipelines.estimate import Estimate, estimate
from slipway_pipelines.faults import DataFault
from slipway_pipelines.metrics import METRICS, Rows
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.threshold import choose_threshold

BINARY = METRICS["BinaryClassification"]
NAMES = tuple(BINARY)


def answers(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    scores = np.column_stack([1.0 - predicted, predicted]).astype(float)
    return Rows(truth, predicted, scores, positive=1)


def recall_of(hits: int, positives: int, per_cluster: int = 1) -> Estimate:
    truth = np.ones(positives, dtype=int)
    predicted = (np.arange(positives) < hits).astype(int)
    rows, order = sorted_by_score(answers(np.append(truth, 0), np.append(predicted, 0)))
    clusters = (np.arange(positives + 1) // per_cluster)[order]
    return estimate(rows, {"recall": BINARY["recall"]}, clusters, seed=1)["recall"]


def test_the_lower_bound_of_a_share_is_about_that_of_the_binomial() -> None:
    found = recall_of(180, 200)
    assert found.value == 0.9
    assert found.lower(0.95) == pytest.approx(0.9 - 1.645 * math.sqrt(0.9 * 0.1 / 200), abs=0.01)
    low, high = found.interval()
    assert low < found.lower(0.95) < 0.9 < found.upper(0.95) < high


def test_rows_of_one_entity_prove_less_than_as_many_independent_rows() -> None:
    assert recall_of(150, 200, per_cluster=10).lower(0.95) < recall_of(150, 200).lower(0.95) - 0.02


@pytest.mark.parametrize(("positives", "bound"), [(5, 0.549), (58, 0.9497), (59, 0.9505)])
def test_faultless_rows_prove_no_perfection(positives: int, bound: float) -> None:
    """The rule of three, exactly: 59 hits without a miss are needed to be 95% sure of 95%."""
    assert recall_of(positives, positives).lower(0.95) == pytest.approx(bound, abs=0.001)


def test_what_no_row_can_show_is_unprovable() -> None:
    rows, _ = sorted_by_score(answers(np.zeros(50, dtype=int), np.zeros(50, dtype=int)))
    found = estimate(rows, BINARY, np.arange(50), seed=1)
    assert math.isnan(found["recall"].lower(0.95))
    (verdict,) = judge([parse("c", "recall >= 0.1", NAMES)], found)
    assert not verdict.met
    assert verdict.unprovable


def test_one_entity_alone_proves_nothing() -> None:
    rows, _ = sorted_by_score(answers(np.ones(50, dtype=int), np.ones(50, dtype=int)))
    assert math.isnan(estimate(rows, BINARY, np.zeros(50, dtype=int), seed=1)["recall"].lower(0.95))


def test_the_bootstrap_repeats_itself_and_is_not_the_same_for_another_seed() -> None:
    rows, _ = sorted_by_score(answers(np.arange(100) % 2, (np.arange(100) % 3 == 0).astype(int)))
    draws = [estimate(rows, BINARY, np.arange(100), seed)["f1"].draws for seed in (1, 1, 2)]
    assert (draws[0] == draws[1]).all()
    assert not (draws[0] == draws[2]).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recall >= 0.95", Criterion("c", Part("recall", ">=", 0.95))),
        ("log_loss<0.4", Criterion("c", Part("log_loss", "<", 0.4))),
        ("recall >= 95% at precision >= 80%", Criterion("c", Part("recall", ">=", 0.95), Part("precision", ">=", 0.8))),
        ("recall >= 0.9 with confidence 0.99", Criterion("c", Part("recall", ">=", 0.9), None, 0.99)),
        ("f1 > linear.f1", Criterion("c", Part("f1", ">", 0.0, "linear"))),
    ],
)
def test_criteria_are_read(text: str, expected: Criterion) -> None:
    assert parse("c", text, NAMES) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lift >= rules.lift", "this version measures"),
        ("recall >= rules.precision", "the same metric"),
        ("recall >= champion.recall", "metric op bound"),
        ("recall/US >= 0.5", "metric op bound"),
        ("lift >= 5", "this version measures"),
        ("recall >= 0.9 with confidence 0.2", "confidence"),
        ("recall", "metric op bound"),
    ],
)
def test_a_criterion_that_cannot_be_evaluated_is_refused_never_skipped(text: str, named: str) -> None:
    with pytest.raises(DataFault, match=named):
        parse("c", text, NAMES)


@pytest.mark.parametrize(
    ("op", "value", "holds"),
    [
        (">=", 0.5, True), (">", 0.5, False), ("<=", 0.5, True), ("<", 0.5, False),
        (">=", math.nan, False), ("<", math.nan, False),
    ],
)  # fmt: skip
def test_comparisons(op: str, value: float, holds: bool) -> None:
    assert Part("recall", op, 0.5).holds(value) is holds


def test_each_part_is_judged_by_the_bound_that_could_refute_it() -> None:
    draws = np.linspace(0.4, 0.6, 1001)
    found = {name: Estimate(name, 0.5, draws, 1.0, 100, 1.0) for name in ("recall", "log_loss")}
    criteria = [parse("a", "recall >= 0.45", NAMES), parse("b", "log_loss <= 0.55", NAMES)]
    high, low = judge(criteria, found)
    assert high.results[0].proved == pytest.approx(0.41)
    assert low.results[0].proved == pytest.approx(0.59)
    assert not high.met
    assert not low.met


def test_both_parts_of_an_at_must_hold() -> None:
    draws = np.full(1000, 0.9) + np.linspace(-0.01, 0.01, 1000)
    found = {name: Estimate(name, 0.9, draws, 1.0, 100, 1.0) for name in ("recall", "precision")}
    assert judge([parse("a", "recall >= 0.8 at precision >= 0.8", NAMES)], found)[0].met
    assert not judge([parse("a", "recall >= 0.8 at precision >= 0.95", NAMES)], found)[0].met


def test_without_an_at_the_threshold_is_one_half() -> None:
    assert choose_threshold(np.array([0.1, 0.9]), np.array([False, True]), [parse("a", "recall >= 0.9", NAMES)]) == 0.5


def test_the_threshold_gives_both_parts_room() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.2
    score = np.clip(rng.normal(np.where(truth, 0.45, 0.2), 0.1), 0, 1)
    criterion = parse("a", "recall >= 0.8 at precision >= 0.7", NAMES)
    threshold = choose_threshold(score, truth, [criterion])
    called = score >= threshold
    assert (called & truth).sum() / truth.sum() > 0.83
    assert (called & truth).sum() / called.sum() > 0.73


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_a_threshold_always_exists_and_separates_no_equal_scores(rows: list[tuple[float, bool]]) -> None:
    score, truth = np.array([each[0] for each in rows]), np.array([each[1] for each in rows])
    threshold = choose_threshold(score, truth, [parse("a", "recall >= 0.8 at precision >= 0.7", NAMES)])
    assert 0 <= threshold <= 1
