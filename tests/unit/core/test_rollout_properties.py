"""What holds whatever happens: random disturbances on the simulated cluster, second by second."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.scalars import Share

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import FAILING, GOOD, NEVER_POSITIVE, SLOW, pin, replaced, service, serving, spec
from tests.unit.core.traffic_model import Behaviour, arms

ASKED = {stage["name"]: stage.get("canary", {}).get("weight", "0%") for stage in spec()["stages"]}


def _delete(name: str, foreground: bool = False) -> Callable[[Simulation], None]:
    def delete(sim: Simulation) -> None:
        if name in sim.variants() and service(sim, name) in sim.objects:
            sim.delete(service(sim, name), foreground)

    return delete


def _edit_route(sim: Simulation) -> None:
    if ROUTE in sim.objects:
        sim.edit(ROUTE, lambda s: s["rules"].reverse())


DISTURBANCES: dict[str, Callable[[Simulation], None]] = {
    "none": lambda sim: None,
    "prometheus away": lambda sim: setattr(sim, "prometheus_up", False),
    "prometheus back": lambda sim: setattr(sim, "prometheus_up", True),
    "mlflow away": lambda sim: setattr(sim, "mlflow_up", False),
    "mlflow back": lambda sim: setattr(sim, "mlflow_up", True),
    "candidate deleted": _delete("candidate"),
    "candidate deleted in the foreground": _delete("candidate", foreground=True),
    "stable deleted": _delete("stable"),
    "previous deleted": _delete("previous"),
    "route edited": _edit_route,
    "kills": lambda sim: setattr(sim, "kill", lambda write: write % 2 == 0),
    "no kills": lambda sim: setattr(sim, "kill", lambda write: False),
    "pin 3": lambda sim: pin(sim, "3") and None,
    "pin 2": lambda sim: pin(sim, "2") and None,
    "paused": lambda sim: sim.edit(KEY, lambda s: s.update(paused=True)),
    "unpaused": lambda sim: sim.edit(KEY, lambda s: s.update(paused=False)),
}
EVENTS = st.lists(st.tuples(st.integers(1, 12), st.sampled_from(sorted(DISTURBANCES))), max_size=6)
VERSIONS = st.sampled_from([GOOD, FAILING, SLOW, NEVER_POSITIVE])


def _invariants(sim: Simulation) -> None:
    """At every second."""
    stage, candidate = sim.status.get("stage") or {}, sim.variants().get("candidate", {})
    asked = Share(ASKED.get(stage.get("name", ""), "0%")).fraction
    if stage.get("type") == "Promote":
        return
    weight = Share(candidate.get("weight") or "0%").fraction
    assert weight <= asked, f"more weight than {stage.get('name')} asks for"
    service = f"{candidate.get('inferenceService')}-predictor"
    given_ = sum(Decimal(str(share)) for name, share, *_, mirrored in _arms(sim) if name == service and not mirrored)
    assert given_ <= asked + Decimal("0.0003")


def _arms(sim: Simulation) -> list[tuple[str, float, str, str, bool]]:
    return list(arms(sim.objects[ROUTE]["spec"])) if ROUTE in sim.objects else []


@pytest.mark.long
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(VERSIONS, EVENTS)
def test_whatever_happens(second: Behaviour, events: list[tuple[int, str]]) -> None:
    sim = pin(serving(second), "2")
    for seconds, name in events:
        DISTURBANCES[name](sim)
        for _ in range(seconds):
            sim.settle()
            _invariants(sim)
            sim.tick()
    for name in ("prometheus back", "mlflow back", "no kills", "unpaused"):
        DISTURBANCES[name](sim)
    sim.run(400, lambda s: not s.status.get("stage") and len(s.status["history"]) > 1 and replaced(s))
    _ends_well(sim, second)


def _ends_well(sim: Simulation, second: Behaviour) -> None:
    for entry in sim.status["history"]:
        if entry["version"] == "2" and second is not GOOD:
            assert entry["outcome"] != "Promoted", "a bad version was promoted"
        if entry["version"] == "2" and second is GOOD:
            assert entry["reason"] != "GateBreached", "a good version was breached"
    named = {name for name, *_ in _arms(sim)}
    assert named == {f"{sim.variants()['stable']['inferenceService']}-predictor"}
    assert sim.client_errors == []
    assert {variant["inferenceService"] for variant in sim.variants().values()} <= set(sim.services())
    order = [index for kind, index, *_ in sim.trace if kind in ("Shadow", "Canary")]
    campaigns = 1 + sum(name in ("pin 2", "pin 3") for name in sim.notices)
    assert campaigns or order == sorted(order)
