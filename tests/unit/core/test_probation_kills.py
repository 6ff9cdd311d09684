"""Kill -9 anywhere in a probation ends in the same place, with one Job for each look."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest

from tests.unit.core.ledgers import chain, config_maps, decisions
from tests.unit.core.probation_words import BAD_LABELS, GOOD_LABELS, known, on_probation
from tests.unit.core.simulation import ROUTE, Simulation
from tests.unit.core.specs import serves
from tests.unit.drift.labelled_world import Said

pytestmark = pytest.mark.long


def end_state(sim: Simulation) -> dict[str, Any]:
    status = sim.status
    return {
        "variants": [(v["name"], v["version"], v["weight"], v["revision"]) for v in status["variants"]],
        "history": [(h["version"], h["outcome"], h["stage"], h["reason"]) for h in status["history"]],
        "services": sorted(sim.services()),
        "route": sim.objects[ROUTE]["spec"]["rules"],
        "verdict": (known(sim)["verdict"], known(sim)["value"], known(sim)["low"], known(sim)["high"]),
        "decisions": decisions(sim),
        "unsound": (chain(sim).problems, status["ledger"].get("pending"), len(config_maps(sim))),
    }


def story(said: Said, kill: Any) -> Simulation:
    """From the promotion to the end of the probation, and until only one version is left."""
    sim = on_probation(None)
    sim.kill, sim.matured = kill, said
    sim.run(500, lambda s: known(s).get("verdict") in ("Pass", "Breach") and s.variants().keys() == {"stable"})
    return sim.run(30)


@functools.cache
def undisturbed(said: Said) -> dict[str, Any]:
    return end_state(story(said, lambda write: False))


@pytest.mark.parametrize("said", [GOOD_LABELS, BAD_LABELS], ids=["kept", "broken"])
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_a_kill_after_any_write_changes_nothing(said: Said, seed: int | None) -> None:
    """None: after every single write."""
    dice = random.Random(seed)
    kill = (lambda write: True) if seed is None else (lambda write: dice.random() < 0.33)
    killed = story(said, kill)
    assert end_state(killed) == undisturbed(said)
    names = [job["metadata"]["name"] for job in killed.looked]
    assert len(names) == len(set(names))
    assert killed.client_errors == []
    assert serves("2" if said is GOOD_LABELS else "1")(killed)
