"""From counts to a verdict on the trigger, and to what status shows of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from slipway.api.v1alpha1.retrain_status import FeatureDrift
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
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


@pytest.mark.parametrize(
    ("counts", "verdict", "low"),
    [
        (FLAT, "Stable", 0.0067),
        ((440.0, 300.0, 260.0), "Drifted", 0.11),  # an index of 0.05
        ((110.0, 75.0, 65.0), "InsufficientData", 0.11),
    ],
)
def test_the_distance_of_kolmogorov_and_smirnov_is_a_bound_of_its_own(
    counts: tuple[float, ...], verdict: str, low: float
) -> None:
    (feature,) = look("t", trigger(ks="0.1"), reading(counts)).features
    assert feature.verdict == verdict
    assert float(feature.ks[0]) == pytest.approx(low, abs=1e-3)
    assert float(feature.ks[0]) <= float(feature.ks[1]) <= 1
    assert look("t", trigger(), reading(counts)).features[0].ks == ()


def test_what_is_near_its_bound_lingers_and_what_is_far_below_does_not() -> None:
    near, far = (480.0, 300.0, 220.0), (400.0, 300.0, 300.0)
    assert look("t", trigger(psi="0.15"), reading(near)).features[0].verdict == "Stable"
    assert look("t", trigger(psi="0.15"), reading(near)).lingers
    assert not look("t", trigger(psi="0.15"), reading(far)).lingers


@pytest.mark.parametrize(
    ("missing", "unseen", "broken"),
    [(0.0, 0.0, 0), (900.0, 0.0, 0), (2000.0, 0.0, 1), (0.0, 600.0, 1), (0.0, 480.0, 0), (2000.0, 900.0, 2)],
)
def test_most_values_missing_or_never_seen_are_damage(missing: float, unseen: float, broken: int) -> None:
    seen = Reading({"amount": REFERENCE}, ({"amount": FLAT},), {"amount": (missing,)}, {"amount": (unseen,)})
    assert len(look("t", trigger(), seen).damage) == broken


def test_a_few_rows_are_no_damage() -> None:
    seen = Reading({"amount": REFERENCE}, ({"amount": (1.0, 0.0, 0.0)},), {"amount": (9.0,)}, {})
    assert look("t", trigger(), seen).damage == ()


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
