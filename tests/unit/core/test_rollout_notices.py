"""Events tell what happens, once: nothing while nothing happens, and nothing twice because the operator died."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.unit.core.specs import FAILING, GOOD, pin, serves, serving


@pytest.mark.long
@pytest.mark.parametrize(("behaviour", "end"), [(GOOD, "2"), (FAILING, "1")], ids=["good", "failing"])
def test_steady_state_tells_nothing(behaviour: Any, end: str) -> None:
    sim = pin(serving(behaviour), "2").run(300, lambda s: len(s.status["history"]) > 1).run(60)
    assert serves(end)(sim)
    told = list(sim.notices)
    sim.run(120)
    assert sim.notices == told


@pytest.mark.parametrize("behaviour", [GOOD, FAILING], ids=["good", "failing"])
def test_kills_make_no_event_twice(behaviour: Any) -> None:
    def told(kill: Any) -> Counter[str]:
        sim = serving(behaviour)
        sim.kill = kill
        return Counter(pin(sim, "2").run(300, lambda s: len(s.status["history"]) > 1).run(60).notices)

    undisturbed, killed = told(lambda write: False), told(lambda write: True)
    assert killed <= undisturbed
    assert undisturbed["Started"] == 2
