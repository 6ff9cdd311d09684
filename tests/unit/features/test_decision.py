"""The decision layer as a file: it comes back as it went, and its digests tell which part changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.features.calibration import calibrated
from slipway.features.decision import Calibration, Decision, DecisionError, RuleText, read_decision
from slipway.features.slices import MOST_VALUES, bounded, spelled

SHARE = st.floats(0, 1)
KNOTS = st.lists(SHARE, min_size=1, max_size=6, unique=True).map(sorted)
CALIBRATIONS = st.one_of(
    st.none(),
    KNOTS.map(lambda scores: Calibration("Isotonic", tuple(scores), tuple(scores))),
    st.builds(lambda a, b: Calibration("Sigmoid", slope=a, intercept=b), st.floats(-9, 9), st.floats(-9, 9)),
)
RULE = RuleText("large", "amount > 5000", "1")
LAYERS = st.builds(Decision, st.none() | SHARE, CALIBRATIONS, st.sampled_from([(), (RULE,)]))
FULL = Decision(0.3, Calibration("Isotonic", (0.1, 0.9), (0.0, 1.0)), (RULE,))


def text(layer: Decision) -> str:
    return json.dumps(layer.document())


@given(LAYERS)
def test_a_layer_comes_back_to_the_last_bit(layer: Decision) -> None:
    assert read_decision(text(layer)) == layer


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("threshold", replace(FULL, threshold=0.30000000000000004)),
        ("calibration", replace(FULL, calibration=Calibration("Sigmoid", slope=1.0))),
        ("rules", replace(FULL, rules=(replace(RULE, predict="0"),))),
        ("rules", replace(FULL, rules=(replace(RULE, condition="amount > 5001"),))),
    ],
)
def test_a_change_shows_in_the_digest_of_its_part_and_of_the_whole(part: str, changed: Decision) -> None:
    one, other = FULL.document(), changed.document()
    assert one["digest"] != other["digest"]
    parts = ("threshold", "calibration", "rules")
    assert [name for name in parts if one[name]["digest"] != other[name]["digest"]] == [part]


def edited(*path: Any, value: Any) -> str:
    document = FULL.document()
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (edited("threshold", "value", value="0.9"), "threshold differs from its digest"),
        (edited("rules", "when", 0, "if", value="amount > 1"), "rules differs from its digest"),
        (edited("rules", value=None), "its parts differ from its digest"),
        (edited("format", value=2), "format 2 is not known"),
        ('{"format": 1, "calibration": {"method": "Spline"}}', "must be Isotonic or Sigmoid"),
        ('{"format": 1, "calibration": {"method": "Isotonic", "knots": [[0.5, 0.1], [0.2, 0.3]]}}', "must rise"),
        ('{"format": 1, "calibration": {"method": "Isotonic", "knots": [[0.5, 1.5]]}}', "hold probabilities"),
        ('{"format": 1, "rules": {"when": [{"name": "a"}]}}', "KeyError"),
        ('{"format": 1, "threshold": {"value": "much"}}', "much"),
        ("[]", "AttributeError"),
        ("{", "JSONDecodeError"),
    ],
)
def test_what_is_no_layer_is_refused(written: str, said: str) -> None:
    with pytest.raises(DecisionError, match=said):
        read_decision(written)


def test_a_layer_written_by_hand_needs_no_digests() -> None:
    assert read_decision('{"format": 1, "threshold": {"value": 0.25}}') == Decision(0.25)


@given(CALIBRATIONS, st.lists(SHARE, min_size=2, max_size=20))
def test_calibration_gives_probabilities_and_keeps_the_order(one: Calibration | None, scores: list[float]) -> None:
    if one is None or one.slope < 0:
        return
    found = calibrated(one, np.sort(scores))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()


def test_the_neutral_sigmoid_changes_nothing() -> None:
    scores = np.linspace(0, 1, 11)
    np.testing.assert_allclose(calibrated(Calibration("Sigmoid"), scores), scores, atol=1e-11)


def test_slices_are_bounded_and_the_frequent_ones_stay() -> None:
    counts = [("merchant", f"m{number:03d}", 1 + number % 7) for number in range(200)] + [("weekday", "3", 900)]
    found = bounded(counts, ["merchant", "weekday"])
    assert sum(len(one.values) for one in found) == MOST_VALUES
    assert [one.name for one in found] == ["merchant", "weekday"]
    assert found[1].values == ("3",)
    assert set(found[0].values) <= {value for _, value, rows in counts if rows >= 6}


def test_a_value_that_is_called_other_has_no_slice_of_its_own() -> None:
    counts = [("merchant", f"m{number:02d}", 1) for number in range(MOST_VALUES)] + [("merchant", "other", 900)]
    (found,) = bounded(counts, ["merchant"])
    assert len(found.values) == MOST_VALUES
    assert "other" not in found.values


@pytest.mark.parametrize(
    ("value", "name"), [("it", "it"), (1.0, "1"), (True, "1"), (0.5, "0.5"), (None, None), (float("nan"), None)]
)
def test_values_are_spelled_alike_by_training_and_serving(value: Any, name: str | None) -> None:
    assert spelled(value) == name
