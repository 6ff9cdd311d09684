"""A promoted version whose labels say what a test lets them say, second by second."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.unit.core.simulation import KEY, TASK, Simulation
from tests.unit.core.specs import pin, serves, serving
from tests.unit.drift.labelled_world import LOG, SQL, Said

LIMIT = {"metric": "precision", "op": ">=", "bound": "75%"}
MATURITY = {"p95": "60s", "completeness": "90%"}
GOOD_LABELS = Said(right=900, trials=1000)
BAD_LABELS = Said(right=600, trials=1000)
UNSURE = Said(right=70, trials=100)
FEW = Said(right=5, trials=10, pending=40)
BROKEN = Said(right=600, trials=1000, labelled=1000)
LONG = "4m"


def promotion(**changes: Any) -> dict[str, Any]:
    return {"keepPrevious": {"atLeast": LONG, "atMost": "20m"}, "probation": LIMIT, **changes}


def labelled(sim: Simulation, **label: Any) -> Simulation:
    """The task's labels come later, from a database."""
    source = {"column": "is_fraud", "positive": "1", "maturity": MATURITY, "source": {"sql": SQL}, **label}
    spec = sim.objects[TASK]["spec"]
    spec |= {"id": "payment", "label": {name: value for name, value in source.items() if value is not None}}
    sim.touch(sim.objects[TASK])
    return sim


def before(**changes: Any) -> Simulation:
    """Version 1 serves, with a log, and what comes next will be on probation."""
    asked = {"predictionLog": LOG, "promotion": promotion(), **changes}
    return labelled(serving(**asked))


def on_probation(said: Said | str | None, **changes: Any) -> Simulation:
    """Version 2 was promoted just now; its measurements will say this (a text: they fail so, None: they never end)."""
    sim = before(**changes)
    sim.matured = said
    return pin(sim, "2").run(400, serves("2"))


def known(sim: Simulation) -> dict[str, Any]:
    return dict(sim.status.get("probation") or {})


def condition(sim: Simulation) -> tuple[str, str]:
    return sim.condition("OnProbation")[:2]


def ended(sim: Simulation) -> tuple[str, str, str]:
    newest = sim.status["history"][0]
    return newest["version"], newest["outcome"], newest["reason"]


def asked(job: dict[str, Any]) -> dict[str, Any]:
    """What a measurement was asked."""
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    found: dict[str, Any] = json.loads(next(each["value"] for each in env if each["name"] == "SLIPWAY_PERFORMANCE"))
    return found


def later(sim: Simulation, **time: float) -> Simulation:
    """Nobody looks for so long, as while the operator is away."""
    sim.now += timedelta(**time)
    return sim


def edit(sim: Simulation, **promotion_fields: Any) -> Simulation:
    sim.edit(KEY, lambda s: s["promotion"].update(promotion_fields))
    return sim
