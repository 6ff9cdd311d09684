"""Measurements go into status when they mean something new, not at every look (traffic.md 13)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.api.v1alpha1.abtest_status import ABTestResult, Delta
from slipway.api.v1alpha1.rollout_status import GateResult, Split
from slipway.core.evidence import Evidence
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import Judged

STEP = 0.05
LONG_SECONDS, SHORT_SECONDS = 60.0, 5.0


@dataclass(frozen=True)
class Measurements:
    """What one look at the evidence found."""

    samples: int
    exposures: int
    gates: tuple[GateResult, ...]
    split: Split | None
    experiment: ABTestResult | None = None
    deltas: tuple[Delta, ...] = ()

    @classmethod
    def of(cls, evidence: object, judged: Sequence[Judged], split: Split | None, exposed: bool = True) -> Measurements:
        """Counts of the candidate; nothing measured counts as none. Mirrored requests expose nobody: not `exposed`."""
        arm = evidence.candidate if isinstance(evidence, Evidence) else None
        exposures = arm.exposures.count if exposed and arm and arm.exposures else 0.0
        samples = arm.requests if arm and arm.requests else 0.0
        return cls(int(samples), int(exposures), tuple(j.result for j in judged), split)


def report(turn: Turn, found: Measurements, message: str, *, short: bool = False, now: bool = False) -> Turn:
    """Takes measurements over into the status: at a change of verdict or of what is waited for, or of 5% at most once a
    minute; every five seconds in a stage of minutes, which a person watches; `now` at the end of a stage."""
    stage = turn.progress
    due = stage.reported_at is None or turn.age(stage.reported_at) >= (SHORT_SECONDS if short else LONG_SECONDS)
    news = verdicts(turn.status.gates) != verdicts(found.gates) or _agrees(turn.status.split) != _agrees(found.split)
    news = news or _of_experiment(turn.status.ab_test) != _of_experiment(found.experiment or turn.status.ab_test)
    news = news or _kind(stage.message) != _kind(message)
    moved = _moved(turn, found, short) or (short and stage.message != message)
    if not (now or news or (due and moved)):
        return turn
    turn = turn.set(gates=found.gates, split=found.split, ab_test=found.experiment or turn.status.ab_test)
    turn = turn.set(side_by_side=found.deltas)
    return turn.set_stage(samples=found.samples, exposures=found.exposures, message=message, reported_at=turn.now)


def _kind(message: str) -> str:
    """What is waited for, without its figures: those change at every look."""
    return re.sub(r"\S*\d\S*", "#", message)


def verdicts(gates: Sequence[GateResult]) -> list[tuple[object, ...]]:
    """What of results must not be lost: the verdicts, and the rows of windows that breached."""
    return [(gate.name, gate.verdict, gate.breaches, gate.in_a_row, gate.counted_at, gate.gate) for gate in gates]


def _of_experiment(result: ABTestResult | None) -> object:
    """What of an experiment must not be lost: each look that was taken, the end, and what follows."""
    return (result.verdict, len(result.looks), result.ended_at, result.outcome) if result else None


def _agrees(split: Split | None) -> object:
    return split.agrees if split else None


def _moved(turn: Turn, found: Measurements, short: bool) -> bool:
    """Whether counts grew enough to be worth a write; with few writes a count that stands still is none."""
    stage = turn.progress
    pairs = ((stage.samples, found.samples), (stage.exposures, found.exposures))
    if short:
        return any(old != new for old, new in pairs)
    return any(abs(new - old) >= max(1.0, STEP * old) for old, new in pairs)
