"""What stands beside every model: the rules alone and a linear one, slices with a floor, rows that are new."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway_pipelines.criteria import parse
from slipway_pipelines.estimate import Judged, differences
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import EvaluationPlan, Frozen, evaluate, judged
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline, fit
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.reference import RuleAnswers, justification, linear_reference, rule_answers
from slipway_pipelines.rules import read_rules
from slipway_pipelines.slices import WORST, SlicePlan, masks
from slipway_pipelines.split import Splits
from slipway_pipelines.validate import validate

from tests.unit.pipelines.made import COLUMNS, table, task

BINARY = "BinaryClassification"
NAMES = tuple(METRICS[BINARY])


@pytest.fixture(scope="module")
def parts() -> Splits:
    rows = validate(table(3000), COLUMNS, BINARY, "1")
    return Splits(rows.iloc[:1800], rows.iloc[1800:2400], rows.iloc[2400:])


@pytest.fixture(scope="module")
def model(parts: Splits) -> Frozen:
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "Linear", {}, 1))
    fit(pipeline, parts.train, COLUMNS)
    return Frozen(pipeline, COLUMNS, BINARY, ("0", "1"), "1", 0.5)


def rules(parts: Splits, *conditions: tuple[str, str]) -> RuleAnswers:
    when = [{"name": f"r{n}", "if": text, "predict": answer} for n, (text, answer) in enumerate(conditions)]
    read = read_rules(ModelTaskSpec.model_validate(task(rules={"when": when})), COLUMNS)
    found = rule_answers(read, parts.train, COLUMNS, BINARY, "1")
    assert found is not None
    return found


def test_rules_that_meet_the_criteria_leave_no_need_of_a_model(parts: Splits) -> None:
    easy = parts.train.assign(fraud=np.where(parts.train["amount"] > 130, "1", "0"))
    found = justification(rules(parts, ("amount > 130", "1")), easy, [parse("c", "recall >= 0.9", NAMES)], 1)
    assert (found.status, found.reason, found.rules_suffice) == ("False", "RulesSuffice", True)
    assert "recall >= 0.9" in found.message


def test_rules_that_miss_one_criterion_do_not_suffice(parts: Splits) -> None:
    criteria = [parse("a", "precision >= 0.3", NAMES), parse("b", "recall >= 0.99", NAMES)]
    found = justification(rules(parts, ("amount > 200", "1")), parts.train, criteria, 1)
    assert (found.status, found.rules_suffice) == ("True", False)
    assert "b not met" in found.message


def test_without_rules_or_own_criteria_nothing_is_claimed(parts: Splits) -> None:
    some = rules(parts, ("amount > 200", "1"))
    assert justification(None, parts.train, [parse("a", "recall >= 0.1", NAMES)], 1).status == "Unknown"
    assert justification(some, parts.train, [parse("a", "recall >= rules.recall", NAMES)], 1).status == "Unknown"


@pytest.mark.parametrize(("answer", "otherwise"), [("1", "0"), ("0", "1")])
def test_what_no_rule_answers_is_the_other_class(parts: Splits, answer: str, otherwise: str) -> None:
    assert rules(parts, ("amount > 200", answer)).otherwise == otherwise


def test_a_difference_is_paired_and_surer_than_its_parts(parts: Splits, model: Frozen) -> None:
    weaker = replace(model, threshold=0.55)
    metrics = {"recall": METRICS[BINARY]["recall"]}
    one, other = (judged(each, parts.test, COLUMNS) for each in (model, weaker))
    found = differences(one, other, metrics, 3)["recall"]
    assert found.value == pytest.approx(
        float(metrics["recall"].compute(one.rows, np.ones((1, len(one.rows))))[0])
        - float(metrics["recall"].compute(other.rows, np.ones((1, len(other.rows))))[0])
    )
    low, high = found.interval()
    assert high - low < 0.1
    same = differences(one, Judged(one.rows, one.clusters), metrics, 3)["recall"]
    assert same.interval() == (0.0, 0.0)


def test_a_criterion_against_a_reference_is_judged_by_the_difference(parts: Splits, model: Frozen) -> None:
    poor = rules(parts, ("amount > 250", "1"))
    good, bad = parse("a", "recall > rules.recall", NAMES), parse("b", "recall > linear.recall", NAMES)
    plan = EvaluationPlan((good, bad), 1, references={"rules": poor, "linear": model})
    first, second = evaluate(model, parts, plan).verdicts
    assert first.met
    assert not second.met, "a model is not better than itself"
    assert first.results[0].proved > 0


def test_a_reference_that_there_is_not_proves_nothing(parts: Splits, model: Frozen) -> None:
    plan = EvaluationPlan((parse("a", "recall >= rules.recall", NAMES),), 1)
    (verdict,) = evaluate(model, parts, plan).verdicts
    assert verdict.unprovable
    assert not verdict.met


def test_recall_of_what_the_rules_missed(parts: Splits, model: Frozen) -> None:
    beside = rules(parts, ("amount > 200", "1"))
    found = evaluate(model, parts, EvaluationPlan((), 1, references={"rules": beside})).missed_by_rules
    assert found is not None
    missed = (parts.test["fraud"] == "1") & ~(parts.test["amount"] > 200)
    caught = model.rows(parts.test).called_positive[missed.to_numpy()]
    assert found.value == pytest.approx(caught.mean())


def test_the_linear_reference_is_frozen_as_a_model_is(parts: Splits) -> None:
    criteria = (parse("a", "recall >= 0.8 at precision >= 0.5", NAMES),)
    pipeline = build_pipeline(COLUMNS, build_estimator(BINARY, "Linear", {}, 1))
    found = linear_reference(pipeline, parts.train, parts.validation, COLUMNS, BINARY, "1", criteria)
    assert found is not None
    assert found.threshold not in (None, 0.5)


def test_slices_are_judged_by_themselves_and_the_worst_decides(parts: Splits, model: Frozen) -> None:
    floor = parse(WORST, "recall >= 0.05", NAMES)
    plan = EvaluationPlan((), 1, ("precision",), slices=SlicePlan(("country", "weekend"), 100, floor))
    found = evaluate(model, parts, plan)
    assert {one.name for one in found.slices} == {
        "country=IT", "country=FR", "country=US", "weekend=no", "weekend=yes",
    }  # fmt: skip
    lows = {one.name: one.metrics["recall"].lower(0.95) for one in found.slices}
    (verdict,) = found.verdicts
    assert verdict.results[0].proved == pytest.approx(min(lows.values()))
    assert min(lows, key=lambda name: lows[name]) in verdict.note


def test_a_floor_that_no_slice_is_large_enough_for_is_not_met(parts: Splits, model: Frozen) -> None:
    plan = SlicePlan(("country",), 5000, parse(WORST, "recall >= 0.05", NAMES))
    (verdict,) = evaluate(model, parts, EvaluationPlan((), 1, slices=plan)).verdicts
    assert not verdict.met
    assert math.isnan(verdict.results[0].proved)


def test_a_slice_of_a_column_that_is_not_there_is_named(parts: Splits) -> None:
    with pytest.raises(DataFault, match="'colour'"):
        list(masks(SlicePlan(("colour",), 1, None), parts.test, COLUMNS))


def test_novel_rows_are_measured_by_themselves(parts: Splits, model: Frozen) -> None:
    novel = np.arange(len(parts.test)) % 3 == 0
    found = evaluate(model, replace(parts, novel=novel), EvaluationPlan((), 1))
    assert found.novel_rows == 200
    alone = evaluate(model, replace(parts, test=parts.test[novel]), EvaluationPlan((), 1)).test
    assert found.novel == pytest.approx({name: one.value for name, one in alone.items()}, nan_ok=True)


def test_the_gap_is_validation_minus_test(parts: Splits, model: Frozen) -> None:
    found: Any = evaluate(model, parts, EvaluationPlan((), 1))
    assert found.gaps()["recall"] == pytest.approx(found.validation["recall"] - found.test["recall"].value)
