"""The specification of verdicts, row by row; and how often chance alone misjudges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.core.evidence import Arm, Evidence, Histogram
from slipway.core.gate_words import shown
from slipway.core.gates import CHAIN, Case, judge
from slipway.core.measures import Unit
from slipway.core.percentiles import bounds, percentile, snap
from slipway.core.plan import Unavailable
from slipway.statistics.ratios import Confidence

from tests.unit.core.arms import arm, evidence, gate, histogram, moments

NOBODY = Arm(scraped=2.0)

AWAY = Unavailable("PrometheusUnavailable", "away")
ERRORS = {"metric": "error_rate", "bound": "1%"}
ERRORS_RATIO = {"metric": "error_rate", "ratioToStable": "2"}
POSITIVES = {"metric": "positive_rate", "op": ">=", "ratioToStable": "0.8"}
POSITIVES_MORE = {"metric": "positive_rate", "differenceToStable": "2%"}
P95 = {"metric": "latency_p95", "ratioToStable": "1.2"}
P95_MORE = {"metric": "latency_p95", "differenceToStable": "30ms"}
CLASS_9 = {"metric": "class_share", "class": "9", "op": ">=", "bound": "1%"}
SHIFT = {"metric": "prediction_shift", "bound": "0.2"}
MISSING = {"metric": "missing_rate", "bound": "5%"}
MISSING_MORE = {"metric": "missing_rate", "differenceToStable": "2%"}
NO_CLASS = arm(class_moments={}, class_counts={})


def gaps(*missing: float) -> Arm:
    """An arm of 20,000 rows, so many of which lack a value of each feature."""
    names = [f"feature_{place}" for place in range(len(missing))]
    present = {name: 20_000.0 - count for name, count in zip(names, missing, strict=True)}
    return arm(missing=dict(zip(names, missing, strict=True)), present=present)


TABLE: list[tuple[str, dict[str, Any], Any, str]] = [
    ("errors well under the bound", ERRORS, evidence(arm(errors=0.001)), "Pass"),
    ("errors well over the bound", ERRORS, evidence(arm(errors=0.05)), "Breach"),
    ("errors at the bound", ERRORS, evidence(arm(errors=0.01)), "Wait"),
    ("no error, but few requests", ERRORS, evidence(arm(200)), "Wait"),
    ("no error, a bound of nothing", {"metric": "error_rate", "bound": "0%"}, evidence(arm()), "Wait"),
    ("no request", ERRORS, evidence(NOBODY), "Unknown"),
    ("zero requests", ERRORS, evidence(arm(0, error_moments=None)), "Unknown"),
    ("stale candidate", ERRORS, evidence(arm(scraped=None)), "Unknown"),
    ("nothing measured", ERRORS, None, "Unknown"),
    ("Prometheus away", ERRORS, AWAY, "Unknown"),
    ("few clusters", ERRORS, evidence(arm(error_moments=None)), "Unknown"),
    ("stable stale, bound only", ERRORS, evidence(arm(), arm(scraped=None)), "Pass"),
    ("stable stale, compared", ERRORS_RATIO, evidence(arm(), arm(scraped=None)), "Unknown"),
    ("stable silent, compared", ERRORS_RATIO, evidence(arm(), NOBODY), "Unknown"),
    ("as many positives as stable", POSITIVES, evidence(arm()), "Pass"),
    ("never positive", POSITIVES, evidence(arm(positive=0.0)), "Breach"),
    ("positives differ", POSITIVES_MORE, evidence(arm(positive=0.6)), "Breach"),
    ("positives alike", {"metric": "positive_rate", "differenceToStable": "5%"}, evidence(arm()), "Pass"),
    ("share of a class", {"metric": "class_share", "class": "0", "bound": "70%"}, evidence(arm()), "Pass"),
    ("share of a class never said", CLASS_9, evidence(arm()), "Breach"),
    ("shares of all classes", {"metric": "class_share", "bound": "70%"}, evidence(arm()), "Pass"),
    ("shares of all classes, one over", {"metric": "class_share", "bound": "50%"}, evidence(arm()), "Breach"),
    ("fast enough", {"metric": "latency_p99", "bound": "100ms"}, evidence(arm()), "Pass"),
    ("too slow", {"metric": "latency_p99", "bound": "20ms"}, evidence(arm()), "Breach"),
    ("median", {"metric": "latency_p50", "bound": "20ms"}, evidence(arm()), "Pass"),
    ("as fast as stable", P95, evidence(arm()), "Pass"),
    ("twice as slow as stable", P95, evidence(arm(median=0.02)), "Breach"),
    ("slower by a little", P95_MORE, evidence(arm(median=0.012)), "Pass"),
    ("slower, few requests", P95, evidence(arm(70, median=0.02), arm(70)), "Wait"),
    ("a limit beyond the histogram", {"metric": "latency_p99", "bound": "60s"}, evidence(arm()), "Invalid"),
    ("latency without requests", {"metric": "latency_p99", "bound": "1s"}, evidence(arm(latency=None)), "Unknown"),
    ("traffic arrives", {"metric": "request_rate", "op": ">=", "bound": "10"}, evidence(arm()), "Pass"),
    ("too little traffic", {"metric": "request_rate", "op": ">=", "bound": "100"}, evidence(arm()), "Breach"),
    ("rates of unequal arms", {"metric": "request_rate", "ratioToStable": "1"}, evidence(arm()), "Invalid"),
    ("a metric of a later version", {"metric": "saturation", "bound": "1"}, evidence(arm()), "Unknown"),
    ("answers as stable's", SHIFT, evidence(arm()), "Pass"),
    ("answers moved", SHIFT, evidence(arm(positive=0.75)), "Breach"),
    ("answers of few", SHIFT, evidence(arm(100), arm(100)), "Wait"),
    ("shift without answers", SHIFT, evidence(arm(class_moments={}, class_counts={}), NO_CLASS), "Unknown"),
    ("shift without stable", SHIFT, evidence(arm(), Arm()), "Unknown"),
    ("a shift of a shift", {"metric": "prediction_shift", "ratioToStable": "1"}, evidence(arm()), "Invalid"),
    ("few values missing", MISSING, evidence(gaps(50, 10)), "Pass"),
    ("one feature is missing", MISSING, evidence(gaps(50, 9000)), "Breach"),
    ("missing, no feature counted", MISSING, evidence(arm()), "Unknown"),
    ("missing, few rows", MISSING, evidence(arm(missing={"a": 0.0}, present={"a": 40.0})), "Unknown"),
    ("missing as in stable", MISSING_MORE, evidence(gaps(500, 10), gaps(500, 10)), "Pass"),
    ("missing, not so in stable", MISSING_MORE, evidence(gaps(3000, 10), gaps(50, 10)), "Breach"),
    ("a template", {"template": {"name": "t"}, "bound": "1"}, evidence(arm()), "Unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "found", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_verdicts(fields: dict[str, Any], found: Any, verdict: str) -> None:
    judgement = judge(Case(gate(**fields), found))
    assert judgement.verdict == verdict, judgement.message
    assert judgement.message


@pytest.mark.parametrize("fields", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_without_assignment_zero_measurements_never_pass(fields: dict[str, Any]) -> None:
    for nothing in (NOBODY, Arm(), arm(0), Arm(requests=0.0, scraped=1.0)):
        both = Evidence(nothing, nothing, 600.0, assigned=False)
        assert judge(Case(gate(**fields), both)).verdict in ("Unknown", "Invalid")


def test_without_assignment_requests_count_with_a_stated_design_effect() -> None:
    judgement = judge(Case(gate(metric="error_rate", bound="5%"), evidence(arm(), assigned=False)))
    assert judgement.verdict == "Pass"
    assert "design effect 2 assumed" in judgement.message


def test_a_breach_among_many_comparisons_needs_more_than_one_alone() -> None:
    found = evidence(arm(3000, errors=0.027))
    alone = judge(Case(gate(metric="error_rate", bound="1.5%"), found))
    among = judge(Case(gate(metric="error_rate", bound="1.5%"), found, comparisons=50))
    assert (alone.verdict, among.verdict) == ("Breach", "Wait")


def test_the_chain_decides_by_its_first_word() -> None:
    case = Case(gate(metric="error_rate", bound="1%"), evidence(arm()))
    said = [check(case) for check in CHAIN]
    assert next(verdict for verdict in said if verdict) == judge(case)


@pytest.mark.parametrize(("limit", "edge"), [(0.1, 0.1), (0.11, 0.2), (0.01, 0.05), (0.3, math.inf)])
def test_a_limit_is_taken_at_the_next_edge(limit: float, edge: float) -> None:
    assert snap(limit, Histogram((0.05, 0.1, 0.2, math.inf), (1.0, 2.0, 3.0, 4.0))) == edge


def test_a_percentile_lies_within_its_interval() -> None:
    latencies = histogram(0.01, 50_000)
    for quantile in (0.5, 0.95, 0.99):
        found = bounds(latencies, quantile, Confidence(0.05, 10_000))
        assert found is not None
        assert found.low <= percentile(latencies, quantile) <= found.high


@given(ours=st.floats(0.001, 0.999), theirs=st.floats(0.001, 0.999), n=st.integers(200, 200_000))
def test_a_shift_lies_within_its_interval_and_is_never_negative(ours: float, theirs: float, n: int) -> None:
    both = evidence(arm(n, positive=ours), arm(n, positive=theirs))
    found = judge(Case(gate(metric="prediction_shift", bound="0.2"), both))
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9


def test_a_shift_is_no_gate_after_promotion_where_nothing_is_compared_with() -> None:
    assert not gate(metric="prediction_shift", bound="0.2").absolute
    assert gate(metric="error_rate", bound="1%").absolute


def _canary(rng: np.random.Generator, looks: int, effect: float) -> list[str]:
    """A canary with 10% of 1,200 sticky users, positives 20% on average; verdicts at each look."""
    rates = rng.beta(4, 16, 1200)
    mine = rng.random(1200) < 0.1
    cluster = rng.integers(0, 256, 1200)
    n, y = np.zeros(1200), np.zeros(1200)
    verdicts = []
    for _ in range(looks):
        new = rng.poisson(3, 1200)
        n += new
        y += rng.binomial(new, np.where(mine, np.clip(rates * effect, 0, 1), rates))
        verdicts.append(judge(Case(GATE, _compare(n, y, mine, cluster), planned=5000)).verdict)
    return verdicts


GATE = gate(metric="positive_rate", op=">=", ratioToStable="0.8")


def _compare(n: np.ndarray, y: np.ndarray, mine: np.ndarray, cluster: np.ndarray) -> Evidence:
    def side(who: np.ndarray) -> Arm:
        sums = [np.bincount(cluster[who], weights=x[who], minlength=256) for x in (y, n)]
        taken = sums[1] > 0
        found = moments(sums[0][taken], sums[1][taken])
        return Arm(requests=found.n, class_moments={"1": found}, scraped=1.0)

    return Evidence(side(mine), side(~mine), 600.0, assigned=True)


@pytest.mark.parametrize(
    ("effect", "forbidden"), [(0.8, {"Breach", "Pass"}), (1.0, {"Breach"})], ids=["at the limit", "no effect"]
)
def test_chance_alone_misjudges_in_at_most_one_run_of_twenty(effect: float, forbidden: set[str]) -> None:
    """200 seeded runs of 25 looks each; at the limit itself both errors are at their worst."""
    rng = np.random.default_rng(19)
    runs = [set(_canary(rng, 25, effect)) for _ in range(200)]
    for verdict in forbidden:
        assert sum(verdict in run for run in runs) / len(runs) <= 0.05


def test_a_good_canary_passes_and_a_bad_one_breaches_in_the_end() -> None:
    rng = np.random.default_rng(23)
    assert sum("Pass" in _canary(rng, 40, 1.05) for _ in range(20)) >= 16
    assert sum("Breach" in _canary(rng, 40, 0.4) for _ in range(20)) >= 18


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00812, "seconds", "8.12ms"), (0.9994, "seconds", "999ms"), (0.9996, "seconds", "1s"),
        (61.0, "seconds", "61s"),
        (0.0314159, "share", "3.14%"), (12.3456, "share", "1235%"), (1234.4, "number", "1234"),
        (math.inf, "share", "unbounded"),
        (None, "seconds", ""),
    ],
)  # fmt: skip
def test_numbers_are_shown_without_exponents(value: float | None, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text
