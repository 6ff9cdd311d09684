"""Experiments for the tests: a stage, arms with so many entities, and a rollout whose last stage is one."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.abtest import ABTest
from slipway.core.evidence import Arm
from slipway.core.plan import ObjectKey
from slipway.statistics.sketch import Distinct

from tests.unit.core.api_server import remembered
from tests.unit.core.arms import arm
from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import GOOD, spec
from tests.unit.core.traffic_model import Behaviour

BETTER, WORSE, EQUAL = Behaviour(positive=0.48), Behaviour(positive=0.32), Behaviour(positive=0.401)
TEST: dict[str, Any] = {
    "weight": "50%",
    "metric": "positive_rate",
    "better": "Higher",
    "effect": {"value": "10%", "kind": "Relative"},
    "atMost": "60s",
}
TEMPLATE = ObjectKey("slipway.dev/v1alpha1", "MetricTemplate", "", "approvals")


def experiment(**changes: Any) -> ABTest:
    """An experiment with some fields changed."""
    return ABTest.model_validate({**TEST, **changes})


def met(entities: float, **fields: Any) -> Arm:
    """An arm that so many entities met."""
    return arm(exposures=Distinct(entities, 0.02), **fields)


def stage(seconds: int = 10, **changes: Any) -> dict[str, Any]:
    return {"name": "ab", "type": "ABTest", "abTest": {**TEST, **changes}, "minDuration": f"{seconds}s"}


@remembered
def experimenting(second: Behaviour, *before: dict[str, Any], seconds: int = 10, **changes: Any) -> Simulation:
    """Version 1 serves; version 2 in the registry has to win an experiment."""
    stages = [*before, stage(seconds, **changes)]
    sim = Simulation(spec(stages=stages), {"1": GOOD, "2": second, "3": GOOD})
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def result(sim: Simulation) -> dict[str, Any]:
    """The experiment in status."""
    found: dict[str, Any] = sim.status.get("abTest", {})
    return found
