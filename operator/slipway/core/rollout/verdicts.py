"""Judges the gates of the running stage, and remembers verdicts from one decision to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.api.v1alpha1.scalars import Bound
from slipway.core.desired.names import short_hash
from slipway.core.evidence import Evidence
from slipway.core.gate_words import shown
from slipway.core.gates import Case, judge
from slipway.core.metric_source import POINT_SECONDS, is_read, key_of
from slipway.core.plan import Unavailable
from slipway.core.rollout.approval import source
from slipway.core.rollout.default_gates import beside_agreement
from slipway.core.rollout.pairing import evidence_of, paired_stage
from slipway.core.rollout.turn import TRAFFIC_STAGES, Turn
from slipway.core.rollout.windows import NOBODY_KNOWS, Row, counted, place

LEAST_PLANNED = 500.0
"""Planned number of requests where a stage asks for fewer: the confidence sequence is tightest there."""

_DEPARTED = "taken out of the spec after it had breached: "
_GONE = Gate(name="gone", metric="error_rate", op="<=", bound=Bound("0"))
"""In place of a gate that nobody can read any more."""


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
    mirrored = paired_stage(turn)
    beside = beside_agreement(mirrored, turn.snapshot.paired) if mirrored is not None else {}
    return (*shared.items(), *own.items(), *beside.items())


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
    metrics, age, pairs = turn.snapshot.metrics, turn.age(turn.status.epoch_since), evidence_of(turn)
    judged = []
    for name, gate in gates:
        case = Case(gate, evidence, turn.snapshot.positive, max(planned, LEAST_PLANNED), comparisons, metrics)
        judged.append(Judged(gate, _judged(turn, name, replace(case, pairs=pairs), age)))
    return tuple(judged)


def departed(turn: Turn, known: Iterable[str]) -> tuple[Judged, ...]:
    """Breaches that stand, of gates that the spec has no more: all but those `known` by name.

    A commit that takes a gate out, or its stage, is no evidence that the candidate keeps it. One that changes the gate
    has it judged anew.
    """
    gone, names = [], set(known)
    for result in turn.status.gates:
        if result.name not in names and result.breaches and result.enforcement == "Enforce":
            message = f"{_DEPARTED}{result.message.removeprefix(_DEPARTED)}"
            gone.append(Judged(_GONE, result.model_copy(update={"message": message})))
    return tuple(gone)


def _judged(turn: Turn, name: str, case: Case, age: float) -> GateResult:
    """The result of the sum since evidence began, or of the row of windows. A gate that somebody has changed is another
    one: its row begins anew."""
    gate, window = case.gate, _window(case)
    written = short_hash(gate.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"}))
    before = next((g for g in turn.status.gates if g.name == name and g.gate in ("", written)), None)
    if window is None:
        return _result(turn, name, gate, before, written, Row(judge(case)))
    seen = replace(case, evidence=_recent(case), window=place(age, window), planned=LEAST_PLANNED)
    row = counted(gate, window, judge(seen), before, age, turn.now)
    if row is None and before is not None:
        return before
    return _result(turn, name, gate, before, written, row or Row(judge(seen)))


def _window(case: Case) -> float | None:
    """The length in seconds of the windows that a gate judges; None where it judges the sum since evidence began. What
    nobody has read may be a bare number, whose row of breaches must not be lost meanwhile."""
    if case.gate.window is not None:
        return case.gate.window.seconds
    template = _template(case)
    if template is None or not is_read(template):
        return None
    found = case.evidence
    read = found.candidate.points.get(key_of(case.gate, template)) if isinstance(found, Evidence) else None
    return None if read is not None and read.events is not None else POINT_SECONDS


def _recent(case: Case) -> Evidence | Unavailable | None:
    """The window's own evidence. What is read looks back by itself, and its arms are those of the whole epoch."""
    gate, evidence = case.gate, case.evidence
    if not isinstance(evidence, Evidence) or gate.window is None:
        return evidence
    template = _template(case)
    looks_back = template is not None and is_read(template)
    return evidence if looks_back else evidence.windows.get(gate.window.seconds)


def _template(case: Case) -> MetricTemplateSpec | None:
    return case.metrics.templates.get(case.gate.template.name) if case.gate.template is not None else None


def _result(turn: Turn, name: str, gate: Gate, before: GateResult | None, written: str, row: Row) -> GateResult:
    """A breach stays one for its epoch, as long as the gate is the same: a person must see it."""
    judgement = row.judgement
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
        unjudged_since=_unjudged_since(turn, judgement.verdict, before),
        breaches=breaches,
        in_a_row=row.in_a_row,
        counted_at=row.counted_at,
        gate=written,
        enforcement=gate.enforcement,
    )


def _unjudged_since(turn: Turn, verdict: str, before: GateResult | None) -> datetime | None:
    """From one verdict of nobody to another the time runs on."""
    if verdict not in NOBODY_KNOWS:
        return None
    if before is None or before.verdict not in NOBODY_KNOWS:
        return turn.now
    return before.unjudged_since or before.since


def unjudged_for(turn: Turn, result: GateResult) -> float:
    """Seconds for which nobody could judge a gate; 0 where its last verdict is one."""
    if result.verdict not in NOBODY_KNOWS:
        return 0.0
    return turn.age(result.unjudged_since or result.since)


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
        unknown = each.result.verdict in NOBODY_KNOWS
        limit = each.gate.on_unknown
        acts = each.enforced and unknown and limit.action == "Rollback"
        if acts and unjudged_for(turn, each.result) >= limit.after.seconds:
            return each
    return None
