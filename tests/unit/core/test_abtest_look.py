"""One look at an experiment: validity first, then the effect; a test for each thing that may be wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.abtest_status import ABTestResult
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Split
from slipway.api.v1alpha1.task_quality import BusinessMetric
from slipway.core.evidence import Arm, Evidence
from slipway.core.plan import Unavailable
from slipway.core.primary import TaskMetrics
from slipway.core.rollout.abtest_look import Case, Found, look_at
from slipway.core.rollout.snapshot import Snapshot
from slipway.core.rollout.turn import Turn
from slipway.statistics.ratios import Moments

from tests.unit.core.arms import exact, moments
from tests.unit.core.experiments import experiment, met, stage
from tests.unit.core.specs import spec
from tests.unit.core.traffic_model import APPROVALS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TASK = TaskMetrics("1", "BinaryClassification")
AGREES = Split(requested="50%", observed="50%", agrees=True)


def case(
    candidate: Arm, stable: Arm, split: Split | None = AGREES, task: TaskMetrics = TASK,
    known: ABTestResult | None = None, last: bool = False, age: float = 86_400.0, **changes: Any,
) -> Case:  # fmt: skip
    """A look at two arms in halves."""
    evidence = Evidence(candidate, stable, age, True)
    return Case(turn(evidence, task), experiment(**changes), known or ABTestResult(stage="ab"), split, 0.5, last)


def turn(evidence: Evidence | Unavailable | None, task: TaskMetrics = TASK) -> Turn:
    raw = spec(stages=[stage()])
    parsed = ModelRolloutSpec.model_validate(raw)
    status = ModelRolloutStatus()
    snapshot = Snapshot("ns", "fraud", "u", 1, "1", raw, parsed, status, evidence=evidence, metrics=task)
    return Turn(snapshot, parsed, NOW, status)


def seen(candidate: Arm, stable: Arm | None = None, **more: Any) -> Found:
    return look_at(case(candidate, stable if stable is not None else met(5000), **more))


@pytest.mark.parametrize(
    ("share", "verdict", "word"),
    [(0.45, "Pass", "Superior"), (0.4, "Wait", "Running"), (0.35, "Breach", "Worse")],
)
def test_an_effect_is_judged_by_its_interval(share: float, verdict: str, word: str) -> None:
    found = seen(met(5000, positive=share))
    assert (found.verdict, found.changes["verdict"]) == (verdict, word)
    assert found.changes["estimate"] == f"{(share / 0.4 - 1) * 100:.3g}%"
    assert "relative effect on positive_rate" in found.message
    assert found.stable == "40%"


@pytest.mark.parametrize("last", [False, True])
def test_a_relative_effect_on_nearly_nothing_is_unknown_and_has_no_estimate(last: bool) -> None:
    found = seen(met(5000, errors=0.02), met(5000, errors=0.0), metric="error_rate", better="Lower", last=last)
    assert found.verdict == "Unknown"
    assert (found.changes["verdict"], found.changes["estimate"]) == ("Running", "")
    assert "ask for effect.kind Absolute" in found.message


def test_lower_is_better_where_the_spec_says_so() -> None:
    assert seen(met(5000, positive=0.35), better="Lower").verdict == "Pass"


def test_within_the_margin_is_not_inferior() -> None:
    kept = {"type": "NonInferiority", "nonInferiority": {"margin": "10%"}}
    found = seen(met(5000, positive=0.4), hypothesis=kept)
    assert (found.verdict, found.changes["verdict"]) == ("Pass", "NonInferior")


GOOD = met(5000, positive=0.45)


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        (lambda: seen(replace(GOOD, scraped=None)), "Unknown", "no scrape of the candidate"),
        (lambda: seen(replace(GOOD, requests=None)), "Unknown", "has answered no request"),
        (lambda: seen(met(9000, positive=0.45)), "Invalid", "sample ratio mismatch"),
        (lambda: seen(GOOD, split=None), "Unknown", "too little traffic"),
        (lambda: seen(GOOD, split=replace_split(False)), "Invalid", "is not the 50% asked for"),
        (lambda: seen(GOOD, metric="net_value"), "Unknown", "net_value is neither one of"),
        (lambda: seen(few(29)), "Unknown", "candidate has 29 occupied groups of entities, of 30 needed"),
        (lambda: seen(GOOD, few(29)), "Unknown", "stable has 29 occupied groups"),
        (lambda: seen(met(5000, positive=0.0002), met(5000, positive=0.0001)), "Unknown", "events in both arms"),
        (lambda: seen(GOOD, metric="mean_score"), "Unknown", "mean_score: candidate has 0 occupied groups"),
        (lambda: seen(GOOD, metric="mean_score", task=TaskMetrics("1", "Regression")), "Unknown", "the task is a Regr"),
    ],
)  # fmt: skip
def test_what_is_not_valid_decides_nothing(found: Any, verdict: str, says: str) -> None:
    said = found()
    assert said.verdict == verdict
    assert says in said.message
    assert "estimate" not in said.changes


def replace_split(agrees: bool) -> Split:
    return AGREES.model_copy(update={"agrees": agrees, "observed": "70%"})


def few(clusters: int) -> Arm:
    """A good arm whose entities fall into few groups."""
    return replace(GOOD, class_moments={"1": exact(0.45, 20_000, clusters), "0": exact(0.55, 20_000, clusters)})


@pytest.mark.parametrize("evidence", [None, Unavailable("PrometheusUnavailable", "it did not answer")])
def test_no_evidence_is_no_verdict(evidence: Unavailable | None) -> None:
    found = look_at(Case(turn(evidence), experiment(), ABTestResult(stage="ab"), AGREES, 0.5, last=True))
    assert found.verdict == "Unknown"


def test_a_mismatch_outranks_the_split_and_the_effect_and_is_not_forgotten() -> None:
    first = seen(met(9000, positive=0.45), split=replace_split(False))
    assert "sample ratio mismatch" in first.message
    again = seen(GOOD, known=ABTestResult(stage="ab", srm=first.changes["srm"]))
    assert again.verdict == "Invalid"
    assert float(again.changes["srm"]) == float(first.changes["srm"])


def test_an_arm_that_is_a_scrape_ahead_in_the_first_minutes_raises_no_alarm() -> None:
    ahead = met(750, positive=0.45), met(375)
    assert float(seen(*ahead, age=60.0).changes["srm"]) > 0.1
    assert seen(*ahead).verdict == "Invalid"


@given(st.lists(st.floats(4000, 6000), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_the_p_value_never_rises_whatever_is_written_in_between(counts: list[float]) -> None:
    known, values = ABTestResult(stage="ab"), [1.0]
    for count in counts:
        changes = seen(met(count), known=known).changes
        known = ABTestResult.model_validate(known.model_copy(update=changes).model_dump(mode="json", by_alias=True))
        values.append(float(known.srm))
    assert values == sorted(values, reverse=True)


def test_business_metrics_stand_beside_those_of_the_model() -> None:
    task = replace(TASK, business=BUSINESS, templates=templates())
    sums = {"template/approvals": Moments(200, 900, 3000, 6000, 60_000, 18_000)}
    less = {"template/approvals": Moments(200, 800, 3000, 5000, 60_000, 16_000)}
    found = seen(replace(GOOD, ratios=sums), replace(met(5000), ratios=less), task=task, metric="approval_rate")
    by_name = {each.name: each for each in found.changes["deltas"]}
    assert [each.kind for each in by_name.values()] == ["Business", "Model"]
    assert (by_name["approval_rate"].candidate, by_name["approval_rate"].stable) == ("30%", "26.7%")
    assert by_name["approval_rate"].relative == "12.5%"
    assert by_name["positive_rate"].difference == "5%"


BUSINESS = {"approval_rate": BusinessMetric(name="approval_rate", template=LocalReference(name="approvals"))}


def templates() -> dict[str, Any]:
    return {"approvals": MetricTemplateSpec.model_validate(APPROVALS)}


def test_what_prometheus_refuses_is_said_in_its_words() -> None:
    task = replace(TASK, business=BUSINESS, templates=templates())
    one = case(GOOD, met(5000), task=task, metric="approval_rate")
    evidence = replace(one.evidence, missing={"template/approvals": "parse error"})
    found = look_at(replace(one, turn=turn(evidence, task)))
    assert (found.verdict, found.message) == ("Unknown", "parse error")


GROUPED = {"method": "GroupSequential", "groupSequential": {"looks": 2}}


def test_between_planned_looks_nothing_is_seen_and_the_last_one_stands() -> None:
    before = seen(met(150, requests=150, positive=0.6), met(150, requests=150), **GROUPED)
    assert before.verdict == "Wait"
    assert "look 1 of 2 comes at 50% of the planned information" in before.message
    assert "estimate" not in before.changes
    first = seen(met(1300, requests=1300, positive=0.6), met(1300, requests=1300), **GROUPED)
    assert first.verdict == "Pass"
    assert [look.at for look in first.changes["looks"]] == [NOW]
    known = ABTestResult(stage="ab", looks=first.changes["looks"])
    between = seen(met(1305, requests=1305, positive=0.2), met(1305, requests=1305), known=known, **GROUPED)
    assert between.verdict == "Pass", "what came after the look was seen"
    assert "looks" not in between.changes


@pytest.mark.long
def test_looking_all_the_time_promotes_no_equal_model_by_chance() -> None:
    """The statistics have their own proof (docs/figures.md); this one is that they are asked in the right way. A fixed
    test at each of these looks promotes eight of a hundred."""
    dice, promoted = np.random.default_rng(7), 0
    for _ in range(100):
        shares = dice.beta(40, 60, (2, 128))
        trials = dice.poisson(3, (12, 2, 128)).cumsum(axis=0)
        events = dice.binomial(np.diff(trials, axis=0, prepend=0), shares).cumsum(axis=0)
        promoted += any(_random_look(y, n) == "Pass" for y, n in zip(events, trials, strict=True))
    assert promoted <= 4


def _random_look(y: np.ndarray, n: np.ndarray) -> str:
    arms = []
    for mine, trials in zip(y, n, strict=True):
        sums = {"1": moments(mine, trials), "0": moments(trials - mine, trials)}
        arms.append(replace(met(128), requests=float(trials.sum()), class_moments=sums))
    return seen(*arms).verdict


def test_the_end_is_a_look_whatever_the_information() -> None:
    found = seen(met(150, requests=150, positive=0.6), met(150, requests=150), last=True, **GROUPED)
    assert len(found.changes["looks"]) == 1
    assert float(found.changes["looks"][0].fraction) < 0.5


def test_the_last_look_finds_what_the_sequence_still_waits_for() -> None:
    arms = met(1500, requests=1500, positive=0.444), met(1500, requests=1500)
    assert seen(*arms).verdict == "Wait"
    assert seen(*arms, last=True).verdict == "Pass"
