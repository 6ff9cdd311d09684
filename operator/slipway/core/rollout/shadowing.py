"""What a Shadow stage counts besides its gates: pairs instead of requests, and what the mirror costs stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.core.pairs import PairCounts
from slipway.core.rollout.mirroring import NAME, mirror_harm, remember_before
from slipway.core.rollout.pairing import evidence_of, paired, pairing
from slipway.core.rollout.report import Measurements
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import LEAST_PLANNED


def shadowing(turn: Turn) -> Turn:
    """Hears comparisons, asks for them, and keeps what stable was like before; nothing where nothing is mirrored."""
    candidate = turn.variant("candidate")
    return remember_before(pairing(turn)) if candidate is not None and candidate.mirror else turn


def shadowed(turn: Turn, counted: Measurements, planned: float) -> Measurements:
    """The measurements of a stage whose requests are mirrored."""
    harm = mirror_harm(turn, max(planned, LEAST_PLANNED))
    if harm is not None:
        counted = replace(counted, gates=(*counted.gates, harm))
    if not paired(turn):
        return counted
    pairs = evidence_of(turn)
    return replace(counted, samples=pairs.counted if isinstance(pairs, PairCounts) else 0)


def harmful(gates: Sequence[GateResult]) -> GateResult | None:
    """The mirror's breach, where it has one."""
    return next((gate for gate in gates if gate.name == NAME and gate.breaches), None)


def counted_as(turn: Turn, stage: Stage) -> str:
    """What a stage's minSamples counts."""
    return "pairs" if stage.type == "Shadow" and paired(turn) else "requests"
