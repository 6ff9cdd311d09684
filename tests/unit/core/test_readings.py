"""Answers of webhooks and Jobs: what is a measurement, and that all else is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.core.plan import Unavailable
from slipway.core.readings import Question, Reading, Readings, parse

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TIME = {"time": "2026-03-01T11:59:30Z"}


def said(*results: dict[str, Any], **other: Any) -> str:
    return json.dumps({**TIME, "results": list(results), **other})


def test_an_answer_has_numbers_or_events_by_revision() -> None:
    found = parse(
        said({"revision": "a", "value": 1.5, "samples": 20}, {"revision": "b", "numerator": 3, "denominator": 0})
    )
    assert isinstance(found, Readings)
    assert found.of == {"a": Reading(20, value=1.5), "b": Reading(0, events=3)}
    assert found.of["b"].ratio() is None
    assert Reading(10, events=5).ratio() == Reading(10, value=0.5)


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "[]", "7", "null", "{}", b"\xff\xfe\x00", "[" * 100_000,
        json.dumps({"results": []}),
        json.dumps({"time": "yesterday", "results": []}),
        json.dumps({"time": "2026-03-01T11:59:30", "results": []}),
        json.dumps({**TIME, "results": {}}),
        json.dumps({**TIME, "results": [1]}),
        said({"value": 1, "samples": 1}),
        said({"revision": "", "value": 1, "samples": 1}),
        said({"revision": "a"}),
        said({"revision": "a", "value": 1}),
        said({"revision": "a", "value": 1, "samples": 0}),
        said({"revision": "a", "value": "1", "samples": 1}),
        said({"revision": "a", "value": True, "samples": 1}),
        said({"revision": "a", "value": None, "samples": 1}),
        said({"revision": "a", "value": 1, "samples": 1, "numerator": 1, "denominator": 2}),
        said({"revision": "a", "numerator": 1}),
        said({"revision": "a", "numerator": 1, "denominator": -1}),
        said({"revision": "a", "value": 1, "samples": 1}, {"revision": "a", "value": 2, "samples": 1}),
        said(*({"revision": str(n), "value": 1, "samples": 1} for n in range(17))),
        '{"time": "2026-03-01T11:59:30Z", "results": [{"revision": "a", "value": NaN, "samples": 1}]}',
        '{"time": "2026-03-01T11:59:30Z", "results": [{"revision": "a", "value": -Infinity, "samples": 1}]}',
        '{"time": "2026-03-01T11:59:30Z", "results": [{"revision": "a", "value": 1e999, "samples": 1}]}',
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_no_measurement(text: str | bytes) -> None:
    found = parse(text)
    assert isinstance(found, Unavailable)
    assert found.reason == "BadAnswer"
    assert found.message


@given(
    text=st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
)
def test_no_text_raises(text: str | bytes) -> None:
    assert isinstance(parse(text), Readings | Unavailable)


@pytest.mark.parametrize(
    ("age", "oldest", "stale"), [(0, 0, False), (60, 0, False), (61, 0, True), (61, 300, False), (301, 300, True),
                                 (-59, 0, False), (-61, 300, True)]
)  # fmt: skip
def test_an_answer_says_something_of_its_own_time_only(age: float, oldest: float, stale: bool) -> None:
    found = Readings(NOW - timedelta(seconds=age), {}).stale(NOW, oldest)
    assert (found is not None) is stale


def test_a_question_says_whom_and_since_when() -> None:
    asked = Question("complaints", "ns/fraud", "c", "s", "canary-5", 3, NOW - timedelta(hours=1))
    assert json.loads(asked.body(NOW)) == {
        "template": "complaints", "rollout": "ns/fraud", "revisions": {"candidate": "c", "stable": "s"},
        "stage": "canary-5", "epoch": 3, "since": "2026-03-01T11:00:00Z", "window": 3600,
    }  # fmt: skip
    recent = json.loads(Question("t", "ns/fraud", "c", "", "", 3, NOW - timedelta(hours=1), 300.0).body(NOW))
    assert (recent["since"], recent["window"]) == ("2026-03-01T11:55:00Z", 300)
