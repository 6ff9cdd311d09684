"""A trigger on an administrator's metric: held for long enough, without a gap, of the served revision only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from slipway.api.v1alpha1.retrain_triggers import MetricTrigger
from slipway.controllers.retrain_metric import metric_look
from slipway.core.metric_trigger import judged, summed
from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.world import Sample

from tests.unit.drift.policy_world import BLIND, RAW, STABLE, START, World, condition

TRIGGER = MetricTrigger.model_validate({"template": {"name": "queue"}, "op": ">", "bound": "3", "for": "30m"})
AWAY = Unavailable("PrometheusUnavailable", "away")


def sample(value: float, **labels: str) -> Sample:
    return Sample({"revision": "r1", **labels}, value)


@pytest.mark.parametrize(
    ("op", "value", "holds"),
    [(">", 3.0, False), (">", 3.1, True), (">=", 3.0, True), ("<", 2.9, True), ("<=", 3.1, False)],
)
def test_the_relation_is_the_one_that_is_written(op: str, value: float, holds: bool) -> None:
    assert judged("queue", TRIGGER.model_copy(update={"op": op}), value).holds is holds


def test_it_must_hold_for_its_time_and_a_gap_begins_it_anew() -> None:
    world, high, unknown = World(spec=dict(RAW)), judged("queue", TRIGGER, 5.0), judged("queue", TRIGGER, AWAY)
    world.settle(STABLE, high)
    assert world.status.state == "Suspected"
    assert world.status.triggers[0].since == START
    world.later(29)
    world.settle(STABLE, high)
    assert world.made == []
    world.settle(STABLE, unknown)
    assert world.status.triggers == ()
    world.later(10)
    world.settle(STABLE, high)
    assert world.made == []
    world.later(30)
    world.settle(BLIND, high)
    assert world.status.turns[0].causes == ("queue",)
    assert len(world.made) == 1


def test_the_steady_state_of_a_trigger_writes_nothing_new() -> None:
    world, high = World(spec=dict(RAW)), judged("queue", TRIGGER, 5.0)
    world.settle(STABLE, high)
    before = world.status
    world.later(5)
    world.settle(STABLE, judged("queue", TRIGGER, 6.0))
    assert world.status == before


def test_a_number_of_a_metric_is_no_measure_of_drift() -> None:
    world, low, high = World(spec=dict(RAW)), judged("queue", TRIGGER, 1.0), judged("queue", TRIGGER, 5.0)
    world.settle(BLIND, low)
    assert condition(world, "DriftMeasured") == ("Unknown", "PrometheusUnavailable")
    assert condition(world, "DriftConfirmed") == ("Unknown", "PrometheusUnavailable")
    world.settle(low)
    assert condition(world, "DriftMeasured") == ("", "")
    assert condition(world, "DriftConfirmed") == ("False", "NoDrift")
    world.settle(BLIND, high)
    world.later(31)
    world.step(BLIND, high)
    assert condition(world, "DriftConfirmed")[0] == "True"


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        (([sample(4.0)],), 4.0),
        (([sample(4.0, cluster="1"), sample(1.0, cluster="2"), sample(9.0, revision="r2")],), 5.0),
        (([sample(4.0, rollout="team/fraud"), sample(9.0, rollout="team/other")],), 4.0),
        (([sample(4.0)], [sample(2.0)]), 2.0),
        (([sample(4.0)], [sample(0.0)]), "NoTrials"),
        (([],), "NotANumber"),
        (([sample(math.nan)],), "NotANumber"),
        (([sample(math.inf)], [sample(1.0)]), "NotANumber"),
        ((AWAY,), "PrometheusUnavailable"),
    ],
)
def test_only_numbers_of_the_revision_count(answers: tuple[Any, ...], value: float | str) -> None:
    found = summed(answers, "team/fraud", "r1")
    assert (found.reason if isinstance(found, Unavailable) else found) == value


class Templates:
    """A cache with at most one MetricTemplate, and a Prometheus that remembers what it was asked."""

    def __init__(self, spec: Mapping[str, Any] | None) -> None:
        self.spec = spec
        self.asked: list[str] = []

    def get(self, key: ObjectKey) -> Mapping[str, Any] | None:
        return None if self.spec is None else {"metadata": {"name": key.name}, "spec": self.spec}

    async def query(self, promql: str, now: object, server: object = None) -> Sequence[Sample]:
        self.asked.append(promql)
        return [sample(each, cluster=str(each)) for each in ((4.0, 2.0) if "backlog" in promql else (1.5, 0.5))]


@pytest.mark.parametrize(
    ("spec", "reason", "named"),
    [
        (None, "TemplateNotFound", "no MetricTemplate 'queue'"),
        ({"value": "v", "numerator": "n"}, "TemplateUnusable", "spec"),
    ],
)
def test_without_a_usable_template_nothing_is_known(spec: Mapping[str, Any] | None, reason: str, named: str) -> None:
    world: Any = Templates(spec)
    found = asyncio.run(metric_look("queue", TRIGGER, ("team/fraud", "r1"), world, START))
    assert found.problem is not None
    assert found.problem.reason == reason
    assert named in found.problem.message
    assert not found.measured


def test_a_template_is_asked_of_this_rollout_within_the_time_that_it_must_hold() -> None:
    text = "sum by (revision, cluster) (increase({}{{{{selector}}}}[{{{{window}}}}]))"
    world: Any = Templates({"numerator": text.format("backlog_total"), "denominator": text.format("jobs_total")})
    found = asyncio.run(metric_look("queue", TRIGGER, ("team/fraud", "r1"), world, START))
    assert (found.holds, found.problem) == (False, None)  # 6 over 2 is not above 3
    assert all("[1800s]" in asked and "team/fraud" in asked for asked in world.asked)
    assert found.length == timedelta(minutes=30)
