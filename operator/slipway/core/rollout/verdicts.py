"""Judges the gates of the running stage, and remembers verdicts from one decision to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.core.desired.names import short_hash
from slipway.core.evidence import Evidence
from slipway.core.gates import Case, Judgement, judge, shown
from slipway.core.plan import Unavailable
from slipway.core.rollout.approval import source
from slipway.core.rollout.turn import TRAFFIC_STAGES, Turn

LEAST_PLANNED = 500.0
"""Planned number of requests where a stage asks for fewer: the confidence sequence is tightest there."""


@dataclass(frozen=True)
class Judged:
    """A gate with its result; `blocking` when it is enforced and has not passed."""

    gate: Gate
    result: GateResult

    @property
    def enforced(self) -> bool:
        return self.gate.enforcement == "Enforce"

    @property
    def blocking(self) -> bool:
        return self.enforced and (self.result.verdict != "Pass" or self.result.breaches > 0)

    @property
    def breached(self) -> bool:
        return self.enforced and self.result.breaches > 0


def gates_of(turn: Turn, stage: Stage) -> tuple[tuple[str, Gate], ...]:
    """The gates that hold in a stage by their name in status: the rollout's, then the stage's own, and in one of type
    Approval those of the stage whose traffic it keeps."""
    shared = {gate.name: gate for gate in turn.spec.gates}
    kept = source(turn.spec.stages, turn.progress)
    own = {
        f"{each.name}.{g.name}" if g.name in shared else g.name: g for each in (kept, stage) if each for g in each.gates
    }
    return (*shared.items(), *own.items())


def evaluate(
    turn: Turn,
    gates: Sequence[tuple[str, Gate]],
    evidence: Evidence | Unavailable | None,
    planned: float,
) -> tuple[Judged, ...]:
    """Results in the order of the gates."""
    stages = sum(stage.type in TRAFFIC_STAGES for stage in turn.spec.stages) or 1
    enforced = sum(gate.enforcement == "Enforce" for _, gate in gates)
    comparisons = max(1, enforced * stages)
    judged = []
    for name, gate in gates:
        most = max(planned, LEAST_PLANNED)
        case = Case(gate, evidence, turn.snapshot.positive, most, comparisons, turn.snapshot.metrics)
        judged.append(Judged(gate, _result(turn, name, gate, judge(case))))
    return tuple(judged)


def _result(turn: Turn, name: str, gate: Gate, judgement: Judgement) -> GateResult:
    """A breach stays one for its epoch, as long as the gate is the same: evidence is cumulative, and a person must see
    it. A gate that somebody has changed is another one."""
    written = short_hash(gate.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"}))
    before = next((g for g in turn.status.gates if g.name == name and g.gate in ("", written)), None)
    same = before is not None and before.verdict == judgement.verdict
    breaches = 1 if judgement.verdict == "Breach" or (before is not None and before.breaches) else 0
    unit = judgement.unit
    value_unit = "share" if unit == "ratio" else unit
    return GateResult(
        name=name,
        metric=gate.metric or (gate.template.name if gate.template else ""),
        value=shown(judgement.value, unit),
        low=shown(judgement.low, unit),
        high=shown(judgement.high, unit),
        bound=f"{gate.op} {shown(judgement.limit, unit)}" if judgement.limit is not None else _written(gate),
        samples=judgement.samples,
        stable_value=shown(judgement.stable, value_unit),
        verdict=judgement.verdict,
        message=judgement.message,
        since=before.since if same and before is not None else turn.now,
        breaches=breaches,
        gate=written,
        enforcement=gate.enforcement,
    )


def _written(gate: Gate) -> str:
    """The limit as the spec has it, for a gate that was not compared."""
    limit = gate.bound or gate.ratio_to_stable or gate.difference_to_stable
    return f"{gate.op} {limit}"


def breach_held(turn: Turn, bad: Judged, message: str) -> Turn:
    """Records a breach that a person is to decide upon: once, when it is first seen."""
    known = next((gate for gate in turn.snapshot.status.gates if gate.name == bad.result.name), None)
    return turn if known is not None and known.breaches else turn.record("Breached", "GateBreached", message)


def overdue(turn: Turn, judged: Sequence[Judged]) -> Judged | None:
    """An enforced gate that nobody could judge for longer than its spec bears, where that means the way back."""
    for each in judged:
        unknown = each.result.verdict in ("Unknown", "Invalid")
        limit = each.gate.on_unknown
        acts = each.enforced and unknown and limit.action == "Rollback"
        if acts and turn.age(each.result.since) >= limit.after.seconds:
            return each
    return None
