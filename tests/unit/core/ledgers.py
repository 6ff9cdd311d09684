"""The ledger of a simulated rollout, read as a person would: from ConfigMaps and status."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.core.ledger.book import ENTRY
from slipway.core.ledger.chain import Chain, verify

from tests.unit.core.simulation import KEY, Simulation


def config_maps(sim: Simulation) -> dict[str, Any]:
    """All ConfigMaps, by name."""
    return {key.name: obj for key, obj in sim.objects.items() if key.kind == "ConfigMap"}


def ledger(sim: Simulation) -> Ledger:
    """What the status knows of it."""
    return Ledger.model_validate(sim.status["ledger"])


def chain(sim: Simulation) -> Chain:
    """The verified chain."""
    texts = [(name, obj["data"][ENTRY]) for name, obj in config_maps(sim).items()]
    return verify(texts, sim.objects[KEY]["metadata"]["uid"], ledger(sim))


def decisions(sim: Simulation) -> list[tuple[str, str]]:
    """Decisions with their stages, oldest first."""
    return [(entry["decision"], entry.get("stage", {}).get("name", "")) for entry in chain(sim).entries]
