"""An experiment under random disturbances, second by second: what the canaries' properties are, for its stage."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.core.experiments import BETTER, WORSE, experimenting
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import FAILING, pin, replaced
from tests.unit.core.test_rollout_properties import DISTURBANCES
from tests.unit.core.traffic_model import Behaviour

SKEWED = {
    "entities lost": lambda sim: setattr(sim, "skew", 0.3),
    "entities back": lambda sim: setattr(sim, "skew", 1.0),
    "experiment changed": lambda sim: sim.edit(KEY, lambda s: s["stages"][0]["abTest"].update(alpha="0.1")),
}
ALL = {name: act for name, act in {**DISTURBANCES, **SKEWED}.items() if not name.startswith("pin")}
EVENTS = st.lists(st.tuples(st.integers(1, 15), st.sampled_from(sorted(ALL))), max_size=6)


def _looks(sim: Simulation) -> tuple[str, str]:
    result = sim.status.get("abTest", {})
    return result.get("endedAt", ""), result.get("outcome", "")


@pytest.mark.long
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([BETTER, WORSE, FAILING]), EVENTS)
def test_whatever_happens(second: Behaviour, events: list[tuple[int, str]]) -> None:
    sim, last = pin(experimenting(second), "2"), ("", "")
    for seconds, name in events:
        ALL[name](sim)
        for _ in range(seconds):
            sim.settle()
            after = _looks(sim)
            assert last[0] in ("", after[0]) or not after[0], "the last look was taken twice"
            last = after
            sim.tick()
    for name in ("prometheus back", "mlflow back", "no kills", "unpaused", "entities back"):
        ALL[name](sim)
    sim.run(400, lambda s: not s.status.get("stage") and len(s.status["history"]) > 1 and replaced(s))
    ended = [entry for entry in sim.status["history"] if entry["version"] == "2"]
    assert second is BETTER or all(entry["outcome"] != "Promoted" for entry in ended)
    assert second is not BETTER or all(entry["reason"] != "ABTestLost" for entry in ended)
    assert all("abTest" in entry for entry in ended if entry["outcome"] in ("Promoted", "Inconclusive"))
    assert sim.client_errors == []
