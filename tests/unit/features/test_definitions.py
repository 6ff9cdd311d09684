"""Fingerprints of definitions: spelling changes none, meaning does, also that of what they are computed from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.definitions import RULES, Definition, definitions
from slipway.features.evaluation import holds
from slipway.features.expressions import parse_condition
from slipway.features.tags import in_tags, of_tags

from tests.unit.features.row_interpreter import Value
from tests.unit.features.test_expressions import FEATURES, ROWS, columns, conditions

TASK: Mapping[str, Any] = {
    "goal": "g", "justification": "Complex", "type": "BinaryClassification", "entity": "card", "timestamp": "paid_at",
    "label": {"column": "fraud", "positive": "1"}, "serving": {"mode": "Inline", "latency": {"p99": "1s"}},
    "features": [
        {"name": "amount", "type": "Numeric"},
        {"name": "items", "type": "Numeric", "column": "number_of_items"},
        {"name": "country", "type": "Categorical"},
        {"name": "home", "type": "Categorical"},
        {"name": "each", "expression": "amount / items"},
        {"name": "dear", "expression": "each > 5000 and country != home"},
        {"name": "week", "window": {"aggregate": "Sum", "column": "amount", "over": "7d"}, "servedFrom": "Request"},
    ],
    "rules": {"when": [{"name": "large", "if": "amount > 5000", "predict": "1"}]},
    "metrics": {"primary": "roc_auc"}, "criteria": [{"name": "good", "expression": "roc_auc >= 0.8"}],
}  # fmt: skip


def defined(task: Mapping[str, Any]) -> dict[str, Definition]:
    return {one.name: one for one in definitions(ModelTaskSpec.model_validate(task))}


def edited(name: str, **changes: Any) -> dict[str, Any]:
    task = copy.deepcopy(dict(TASK))
    next(one for one in task["features"] if one["name"] == name).update(changes)
    return task


def changed(task: Mapping[str, Any]) -> set[str]:
    """Names of the definitions that are others than those of TASK."""
    before, now = defined(TASK), defined(task)
    return {name for name in before | now if name not in before or name not in now or before[name] != now[name]}


def digests(task: Mapping[str, Any]) -> dict[str, str]:
    return {name: one.digest for name, one in defined(task).items()}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("each", {"expression": "  amount/   items "}),
        ("each", {"expression": "(amount) / (items)"}),
        ("dear", {"expression": "each > 5e3 and country != home"}),
        ("dear", {"expression": "each>5000.0 and country!=home"}),
        ("dear", {"expression": "country != home and each > 5000"}),
        ("items", {"column": "number_of_items", "availableAfter": "0s"}),
        ("amount", {"column": "amount"}),
        ("week", {"window": {"over": "168h", "column": "amount", "aggregate": "Sum"}}),
        ("week", {"type": "Numeric"}),
    ],
)
def test_another_spelling_is_the_same_definition(name: str, changes: dict[str, Any]) -> None:
    assert digests(edited(name, **changes)) == digests(TASK)


@pytest.mark.parametrize(
    ("name", "changes", "carried"),
    [
        ("amount", {"column": "amount_eur"}, {"each", "dear", RULES}),
        ("items", {"column": "lines"}, {"each", "dear"}),
        ("country", {"column": "country_of_shop"}, {"dear"}),
        ("each", {"expression": "amount / (items + 1)"}, {"dear"}),
        ("each", {"expression": "items / amount"}, {"dear"}),
        ("dear", {"expression": "each >= 5000 and country != home"}, set()),
        ("dear", {"expression": "each > 5000 or country != home"}, set()),
        ("home", {"type": "Text"}, {"dear"}),
        ("week", {"window": {"aggregate": "Mean", "column": "amount", "over": "7d"}}, set()),
        ("week", {"window": {"aggregate": "Sum", "column": "tip", "over": "7d"}}, set()),
        ("week", {"window": {"aggregate": "Sum", "column": "amount", "over": "8d"}}, set()),
        ("week", {"window": {"aggregate": "Count", "over": "7d"}}, set()),
    ],
)
def test_another_meaning_is_another_definition_and_so_is_all_that_is_computed_from_it(
    name: str, changes: dict[str, Any], carried: set[str]
) -> None:
    now = digests(edited(name, **changes))
    assert {each for each, digest in digests(TASK).items() if now[each] != digest} == {name, *carried}


@pytest.mark.parametrize("field", ["entity", "timestamp"])
def test_windows_follow_entity_and_time(field: str) -> None:
    assert changed({**TASK, field: "another"}) == {"week"}


def test_rules_that_are_served_have_an_order_and_those_of_a_baseline_define_nothing() -> None:
    two = [{"name": "a", "if": "amount > 1", "predict": "1"}, {"name": "b", "if": "amount > 2", "predict": "0"}]
    first, second = ({**TASK, "rules": {"when": when}} for when in (two, two[::-1]))
    assert defined(first)[RULES].digest != defined(second)[RULES].digest
    renamed = [{**one, "name": f"{one['name']}x"} for one in two]
    assert defined({**TASK, "rules": {"when": renamed}})[RULES] == defined(first)[RULES]
    assert RULES not in defined({**TASK, "rules": {"when": two, "serve": "ModelOnly"}})


def test_a_feature_by_another_name_means_the_same() -> None:
    task = copy.deepcopy(dict(TASK))
    task["features"][0] |= {"name": "sum", "column": "amount"}
    task["features"][4]["expression"] = "sum / items"
    del task["rules"]
    now, before = digests(task), digests(TASK)
    assert (now["sum"], now["each"], now["dear"]) == (before["amount"], before["each"], before["dear"])


def test_columns_are_those_of_the_data_that_anything_is_computed_from() -> None:
    found = defined(TASK)
    assert found["dear"].columns == ("amount", "country", "home", "number_of_items")
    assert found["week"].columns == ("amount", "card", "paid_at")
    assert found["week"].text == "Sum of amount over 7d by card before paid_at"


@given(st.permutations([one for one in TASK["features"] if "expression" not in one]))
def test_the_order_of_features_does_not_matter(order: list[dict[str, Any]]) -> None:
    computed = [one for one in TASK["features"] if "expression" in one]
    assert defined({**TASK, "features": [*computed, *order]}) == defined(TASK)


def rule(text: str) -> str:
    """The digest of one rule over the features of the strategies."""
    kinds = {"number": "Numeric", "text": "Categorical"}
    features = [{"name": name, "type": kinds[kind]} for name, kind in FEATURES.items()]
    when = [{"name": "only", "if": text, "predict": "1"}]
    return defined({**TASK, "features": features, "rules": {"when": when}})[RULES].digest


@settings(deadline=None)
@given(conditions(), conditions(), ROWS)
def test_conditions_that_answer_differently_have_different_digests(
    one: str, other: str, rows: list[dict[str, Value]]
) -> None:
    answers = [holds(parse_condition(text, FEATURES), columns(rows), len(rows)) for text in (one, other)]
    if not np.array_equal(*answers):
        assert rule(one) != rule(other)


@settings(deadline=None)
@given(conditions(), st.integers(1, 3))
def test_spaces_and_brackets_around_a_condition_do_not_count(text: str, spaces: int) -> None:
    assert rule(f"{' ' * spaces}({text}){' ' * spaces}") == rule(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20_000))
def test_tags_hold_a_text_of_any_length(text: str) -> None:
    tags = in_tags("a", text)
    assert all(len(value) <= 4000 for value in tags.values())
    assert of_tags("a", {**tags, "b.0": "other", "a": "other"}) == text
