"""A first revision under `initialRevision: Gated`: a synthetic load judges it before its first traffic."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.first_revision import demand
from slipway.core.proof import Demand

from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, serves, spec
from tests.unit.core.traffic_model import Behaviour

CONDITION = "InitialRevisionGated"
POSITIVES = {"name": "flags", "metric": "positive_rate", "op": "<=", "bound": "60%"}
LATE = Behaviour(timings=((0.08, 0.07, 0.09),))
SURELY_LATE = Behaviour(timings=((0.3, 0.2, 0.4),))
FAILS = Behaviour(unanswered=200)


def gated(how: Behaviour = GOOD, **changes: Any) -> Simulation:
    return Simulation(spec(**{"initialRevision": "Gated", **changes}), {"1": how, "2": GOOD})


def arguments(sim: Simulation) -> str:
    """Command line of the prober."""
    proof = next(job for key, job in sim.objects.items() if key.kind == "Job" and "-proof-" in key.name)
    return " ".join(proof["spec"]["template"]["spec"]["containers"][0]["args"])


def test_the_gates_are_kept_before_the_first_traffic_and_said_for_as_long_as_it_serves() -> None:
    sim = gated(gates=[*spec()["gates"], POSITIVES]).run(60, in_stage("prove"))
    assert sim.condition(CONDITION)[:2] == ("Unknown", "NotProvenYet")
    assert "errors, p95" in sim.condition(CONDITION)[2]
    sim.run(60, serves("1")).run(30)
    status, reason, message = sim.condition(CONDITION)
    assert (status, reason) == ("True", "Proven")
    assert "errors 0%" in message
    assert "not judged before live requests: flags" in message
    entry = sim.status["history"][0]
    assert (entry["reason"], [gate["verdict"] for gate in entry["gates"]]) == ("FirstRevision", ["Pass", "Pass"])
    before = sim.writes
    assert sim.run(120).writes == before
    pin(sim, "2").run(300, serves("2"))
    assert sim.condition(CONDITION)[0] == "", "version 2 has passed the stages"


def test_the_stricter_of_gate_and_task_is_asked_for() -> None:
    sim = gated().run(60, in_stage("prove"))
    sim.settle()
    assert "--limit p99=0.1" in arguments(sim)
    assert "--limit p95=0.1" in arguments(sim)
    assert "--requests 1000" in arguments(sim)


def test_gates_alone_are_a_demand_as_well_and_nothing_is_none() -> None:
    errors, slow, fast = (
        Gate.model_validate({"name": name, "metric": metric, "op": "<=", "bound": bound})
        for name, metric, bound in (
            ("errors", "error_rate", "5%"), ("slow", "latency_p95", "200ms"), ("fast", "latency_p95", "100ms")
        )
    )  # fmt: skip
    assert demand(None, []) is None
    assert demand(None, [errors]) == Demand({}, 1, 0.05)
    assert demand(None, [slow, fast, errors]) == Demand({"p95": 0.1}, 1, 0.05)
    assert demand(Latency.model_validate({"p95": "50ms", "concurrency": 8}), [fast]) == Demand({"p95": 0.05}, 8)


@pytest.mark.parametrize(
    ("how", "reason", "verdict"),
    [(FAILS, "GateBreached", "Breach"), (Behaviour(unanswered=50), "GateUnproven", "Wait"),
     (SURELY_LATE, "TooSlow", "Breach"), (Behaviour(proves=False), "ProcessDied", "")],
    ids=["fails", "open", "late", "dies"],
)  # fmt: skip
def test_what_does_not_keep_them_never_serves(how: Behaviour, reason: str, verdict: str) -> None:
    sim = gated(how).run(300, lambda s: bool(s.status.get("history")))
    entry = sim.status["history"][0]
    assert (entry["outcome"], entry["reason"]) == ("Failed", reason)
    assert verdict in ("", *(gate["verdict"] for gate in entry.get("gates", [])))
    assert list(sim.services()) == []
    assert sim.carried is None


def test_a_gate_that_is_stricter_than_the_task_refuses() -> None:
    strict = {"name": "p99", "metric": "latency_p99", "op": "<=", "bound": "50ms"}
    sim = gated(LATE, gates=[strict]).run(300, lambda s: bool(s.status.get("history")))
    assert sim.status["history"][0]["outcome"] == "Failed"
    relaxed = gated(LATE, gates=[]).run(60, serves("1"))
    assert relaxed.condition(CONDITION)[:2] == ("True", "Proven"), "its task's latency was kept"


def test_what_served_directly_is_named_where_gates_are_asked_for_later() -> None:
    sim = gated(FAILS, initialRevision="ServeDirectly").run(60, serves("1"))
    sim.edit(KEY, lambda spec: spec.update(initialRevision="Gated"))
    sim.run(5)
    assert sim.condition(CONDITION)[:2] == ("False", "Ungated")
    pin(sim, "2").run(300, serves("2"))
    assert sim.condition(CONDITION)[0] == ""


def test_who_asks_to_serve_directly_is_told_nothing_of_gates() -> None:
    sim = gated(FAILS, initialRevision="ServeDirectly").run(60, serves("1"))
    assert sim.condition(CONDITION)[0] == ""


def test_only_the_first_revision_is_judged_so() -> None:
    sim = Simulation(spec(initialRevision="Gated"), {"1": GOOD, "2": FAILS})
    sim.run(60, serves("1"))
    pin(sim, "2").run(300, in_stage("shadow"))
