"""From counts to a verdict on the trigger, and to what status shows of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
from slipway.api.v1alpha1.retrainpolicy import FeatureDrift
from slipway.core.drift import Look, Reading, look
from slipway.core.drift_report import features_to_show
from slipway.core.plan import Unavailable

FLAT, SHIFTED, FEW = (300.0, 300.0, 300.0), (30.0, 30.0, 840.0), (3.0, 3.0, 4.0)
REFERENCE = (0.33, 0.33, 0.34)


def trigger(**fields: Any) -> DriftTrigger:
    return DriftTrigger.model_validate({"window": "1m", "psi": "0.2", **fields})


def reading(*windows: tuple[float, ...], name: str = "amount") -> Reading:
    return Reading({name: REFERENCE}, tuple({name: each} for each in windows))


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (FLAT, "Stable"),
        (SHIFTED, "Drifted"),
        (FEW, "InsufficientData"),
        ((), "InsufficientData"),
        ((0.0, 0.0, 0.0), "InsufficientData"),
        ((math.nan, 300.0, 300.0), "Unknown"),
        ((math.inf, 300.0, 300.0), "Unknown"),
        ((-1.0, 300.0, 300.0), "Unknown"),
        ((300.0, 300.0, 300.0, 900.0), "Drifted"),
    ],
)
def test_each_kind_of_counts_has_its_verdict(counts: tuple[float, ...], verdict: str) -> None:
    seen = look("t", trigger(), reading(counts))
    assert [feature.verdict for feature in seen.features] == [verdict]
    assert seen.confirmed is (verdict == "Drifted")


@pytest.mark.parametrize(
    ("windows", "confirmed", "drifted"),
    [
        ((SHIFTED, SHIFTED, FLAT), True, 2),
        ((SHIFTED, FLAT, SHIFTED), True, 2),
        ((SHIFTED, FLAT, FLAT), False, 1),
        ((FLAT, SHIFTED, SHIFTED), False, 2),
        ((FEW, SHIFTED, SHIFTED), False, 2),
        ((SHIFTED, (), ()), False, 1),
    ],
)
def test_two_of_three_windows_confirm_and_the_newest_must_be_among_them(
    windows: tuple[tuple[float, ...], ...], confirmed: bool, drifted: int
) -> None:
    seen = look("t", trigger(confirm={"windows": 2, "of": 3}), reading(*windows))
    assert (seen.confirmed, seen.drifted) == (confirmed, drifted)


def test_only_the_named_features_count() -> None:
    seen = Reading({"a": REFERENCE, "b": REFERENCE}, ({"a": FLAT, "b": SHIFTED},))
    assert not look("t", trigger(features=["a"]), seen).confirmed
    assert look("t", trigger(), seen).drifting == ("b",)


@pytest.mark.parametrize(
    ("fields", "found", "reason"),
    [
        ({}, Unavailable("PrometheusUnavailable", "away"), "PrometheusUnavailable"),
        ({}, Reading({}, ({},)), "NoReference"),
        ({"features": ["other"]}, reading(SHIFTED), "NoReference"),
        ({"psi": None, "ks": "0.1"}, reading(SHIFTED), "NoBound"),
        ({"psi": "0"}, reading(SHIFTED), "NoBound"),
    ],
)
def test_what_cannot_be_measured_says_why_and_triggers_nothing(fields: Any, found: Any, reason: str) -> None:
    seen = look("t", trigger(**fields), found)
    assert seen.problem is not None
    assert seen.problem.reason == reason
    assert not seen.confirmed
    assert not seen.measured


def shown(psi: str, rows: int = 900, verdict: str = "Stable") -> tuple[FeatureDrift, ...]:
    return (FeatureDrift(name="amount", psi=psi, rows=rows, verdict=verdict),)


@pytest.mark.parametrize(
    ("before", "found", "written"),
    [
        ((), shown("0.0020"), True),
        (shown("0.0020"), shown("0.0110"), False),
        (shown("0.0020"), shown("0.0130"), True),
        (shown("1.0000"), shown("1.0400"), False),
        (shown("1.0000"), shown("1.0600"), True),
        (shown("0.0020"), shown("0.0020", rows=1000), False),
        (shown("0.0020", rows=300), shown("0.0020"), True),
        (shown("0.9", 5, "InsufficientData"), shown("0.1", 20, "InsufficientData"), False),
        (shown("0.9", 5, "InsufficientData"), shown("0.1", 40, "InsufficientData"), True),
        (shown("0.2100"), shown("0.2099", verdict="InsufficientData"), True),
    ],
)
def test_the_noise_of_a_quiet_feature_is_not_written(before: Any, found: Any, written: bool) -> None:
    after = features_to_show(before, [Look("t", found)], None)
    assert after == (found if written else before)


def test_while_nothing_is_measured_the_last_measurement_stays() -> None:
    before = shown("0.3000", verdict="Drifted")
    assert features_to_show(before, [Look("t", problem=Unavailable("x", "y"))], None) == before
    assert features_to_show(before, [], None) == before


def test_of_two_triggers_the_worst_news_is_shown() -> None:
    calm, alarm = shown("0.0100"), shown("0.5000", verdict="Drifted")
    assert features_to_show((), [Look("a", calm), Look("b", alarm)], None) == alarm
