"""Rules as text: what is refused and where, and that whole columns answer as row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.features.evaluation import holds
from slipway.features.expressions import ExpressionError, Kind, parse_condition, used_features
from slipway.features.rules import NO_RULE, RuleError, deciding, read_rule

from tests.unit.features.row_interpreter import Value, is_true

FEATURES: Mapping[str, Kind] = {"amount": "number", "items": "number", "country": "text", "home": "text"}


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("amount > '5'", 10, "'5' is a text where a number is needed"),
        ("  amount > '5'", 12, "a text where a number"),
        ("'é' == country and amount > home", 29, "home is a text where a number is needed"),
        ("country == 5", 12, "5 is a number where a text is needed"),
        ("country < 'it'", 1, "texts have no order"),
        ("country + home == 'a'", 1, "country is a text where a number is needed"),
        ("amount", 1, "is no condition"),
        ("amount + 1", 1, "is no condition"),
        ("not amount", 5, "amount is a number where true or false is needed"),
        ("amount > 1 and items", 16, "items is a number where true or false"),
        ("(amount > 1) == (items > 1)", 2, "is true or false and cannot be compared"),
        ("amoumt > 5", 1, "'amoumt' is no feature that can be used here (a text needs quotes); known: amount, country"),
        ("country == it", 12, "(a text needs quotes)"),
        ("amount > True", 10, "neither a number nor a text"),
        ("amount > 1j", 10, "neither a number nor a text"),
        ("country == b'it'", 12, "neither a number nor a text"),
        ("amount > 1e999", 10, "too large"),
        ("amount > " + "9" * 400, 10, "too large"),
        ("amount is None", 11, "only `missing` may follow"),
        ("amount is missing is missing", 11, "no feature"),
        ("country in 'it'", 12, "needs a list of literals"),
        ("country in ('it')", 13, "needs a list of literals"),
        ("country in ()", 12, "needs a list of literals"),
        ("country in (home, 'it')", 13, "is no literal"),
        ("country in ('it', 5)", 19, "5 is a number where a text is needed"),
        ("amount in [1, 'x']", 15, "'x' is a text where a number is needed"),
        ("amount ** 2 > 1", 1, "amount ** 2 is not allowed"),
        ("~amount > 1", 1, "not allowed"),
        ("abs(amount) > 1", 1, "abs(amount) is not allowed"),
        ("amount.real > 1", 1, "not allowed"),
        ("amount[0] > 1", 1, "not allowed"),
        ("__import__('os').system('x')", 1, "not allowed"),
        ("(lambda: 1)() > 1", 1, "not allowed"),
        ("[x for x in (1,)] == 1", 1, "not allowed"),
        ("f'{amount}' == country", 1, "not allowed"),
        ("amount > 1 if items else 2", 1, "not allowed"),
        ("(amount := 3) > 1", 2, "not allowed"),
        ("amount >", 9, "cannot be read here"),
        ("amount = 5", 8, "cannot be read here"),
        ("amount > 5; items", 11, "cannot be read here"),
        ("", 1, "cannot be read here"),
        ("amount > 1\x00", 11, "printable"),
        ("amount > " + "1" * 500, 501, "longer than 500"),
        ("not " * 120 + "amount > 1", 81, "more than 20 operators inside one another"),
        ("amount > " + "-" * 400 + "1", None, "more than 20 operators"),
        ("(" * 240 + "amount > 1" + ")" * 240, None, "cannot be read"),
    ],
)
def test_what_is_no_rule_is_refused_at_its_place(text: str, position: int | None, problem: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text, FEATURES)
    assert problem in caught.value.problem
    assert position in (None, caught.value.position)
    assert str(caught.value) == f"character {caught.value.position}: {caught.value.problem}"


@given(st.text(max_size=60) | st.text("amountcry '\"<>=!()[]+-*/%.,0123 isnt", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    position, used = 1, frozenset[str]()
    try:
        used = used_features(parse_condition(text, FEATURES))
    except ExpressionError as error:
        position = error.position
    assert 1 <= position <= len(text) + 1
    assert used <= FEATURES.keys()


NUMBERS = [None, 0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e308, -1e308, 5e-324]
TEXTS = [None, "", "it", "de", "1"]


def numbers() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["amount", "items", "0", "1", "-1", "0.5", "3", "1e308"])
    return st.recursive(
        leaf,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%"), inner) | st.builds("-{}".format, inner)
        ),
        max_leaves=5,
    )


def conditions() -> st.SearchStrategy[str]:
    ops, texts = st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.sampled_from(["country", "home", "'it'", "''"])
    negated = st.sampled_from(["", "not "])
    leaf = st.one_of(
        st.builds("{} {} {}".format, numbers(), ops, numbers()),
        st.builds("{} {} {} {} {}".format, numbers(), ops, numbers(), ops, numbers()),
        st.builds("{} {} {}".format, texts, st.sampled_from(["==", "!="]), texts),
        st.builds("{} is {}missing".format, numbers() | texts, negated),
        st.builds("{} {}in (0, -1, 3)".format, numbers(), negated),
        st.builds("{} {}in ['it', '']".format, texts, negated),
    )
    return st.recursive(
        leaf,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
            | st.builds("(not {})".format, inner)
        ),
        max_leaves=4,
    ).filter(lambda text: len(text) <= 500)


ROWS = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from(NUMBERS if kind == "number" else TEXTS) for name, kind in FEATURES.items()}
    ),
    min_size=1,
    max_size=8,
)


def columns(rows: list[dict[str, Value]]) -> dict[str, Any]:
    kinds = {name: float if kind == "number" else object for name, kind in FEATURES.items()}
    return {name: np.array([row[name] for row in rows], kinds[name]) for name in FEATURES}


@given(conditions(), ROWS)
def test_whole_columns_answer_as_row_by_row(text: str, rows: list[dict[str, Value]]) -> None:
    found = holds(parse_condition(text, FEATURES), columns(rows), len(rows))
    assert found.tolist() == [is_true(text, row) for row in rows]


@given(st.lists(conditions(), min_size=1, max_size=4), ROWS)
def test_the_first_rule_that_applies_decides(texts: list[str], rows: list[dict[str, Value]]) -> None:
    rules = [read_rule(f"r{place}", text, "1", FEATURES) for place, text in enumerate(texts)]
    expected = [next((place for place, text in enumerate(texts) if is_true(text, row)), NO_RULE) for row in rows]
    assert deciding(rules, columns(rows), len(rows)).tolist() == expected


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
def test_a_comparison_with_what_is_missing_is_false(op: str) -> None:
    rows: list[dict[str, Value]] = [{"amount": None, "items": 1.0, "country": None, "home": None}]
    for text in (f"amount {op} items", f"items {op} amount", f"amount / 0 {op} 1", "country in ('it',)"):
        assert not holds(parse_condition(text, FEATURES), columns(rows), 1)[0]
    for text in ("country == home", "country != home", "country not in ('it',)"):
        assert not holds(parse_condition(text, FEATURES), columns(rows), 1)[0]
    assert holds(parse_condition("country is missing and items / 0 is missing", FEATURES), columns(rows), 1)[0]


def test_a_refused_rule_names_itself() -> None:
    with pytest.raises(RuleError, match=r"^rule 'large', character 10: '5' is a text"):
        read_rule("large", "amount > '5'", "1", FEATURES)
