"""After promotion: the gates stay enforced while the previous variant is kept, also while another version is rolled
out; and its time ends."""

from __future__ import annotations

from typing import Literal

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import GateResult, ModelRolloutStatus
from slipway.core.evidence import Evidence
from slipway.core.plan import Unavailable
from slipway.core.rollout.approval import has_share
from slipway.core.rollout.campaign import REPLACED, revert
from slipway.core.rollout.presence import answers
from slipway.core.rollout.probation import keeps_previous, latest, on_probation
from slipway.core.rollout.report import verdicts
from slipway.core.rollout.snapshot import variant
from slipway.core.rollout.turn import PROMOTE, TRAFFIC_STAGES, Turn
from slipway.core.rollout.verdicts import Judged, evaluate, overdue

POLL_SECONDS = 15.0
Place = Literal["gates", "stable_gates"]
"""Where the status keeps the verdicts: those of a campaign's candidate have the first place."""


def watched(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> bool:
    """Whether there is something to go back to, and a gate that can say so without a concurrent stable; not while all
    traffic is on its way to another version."""
    previous, stage = variant(status, "previous"), status.stage
    kept = previous is not None and previous.role != REPLACED
    return kept and (stage is None or stage.type != PROMOTE) and any(gate.absolute for gate in spec.gates)


def judges_candidate(status: ModelRolloutStatus) -> bool:
    """Whether evidence is that of a candidate, and stable the other arm."""
    judged = status.stage is not None and status.stage.type in (*TRAFFIC_STAGES, "Approval")
    return judged and has_share(variant(status, "candidate"))


def watch_stable(turn: Turn) -> Turn:
    """The same while another version is rolled out: that one takes as long as it takes, and until then the promoted
    one has nearly all traffic."""
    if not watched(turn.spec, turn.status):
        return on_probation(turn.set(stable_gates=()) if turn.status.stable_gates else turn)
    evidence = turn.snapshot.evidence
    if isinstance(evidence, Evidence) and judges_candidate(turn.snapshot.status):
        evidence = evidence.of_stable()
    judged = _judge(turn, evidence, "stable_gates")
    return judged if judged.variant("previous") is None else on_probation(judged)


def keep_watch(turn: Turn) -> Turn:
    """Absolute bounds against the promoted variant's live traffic. Comparisons with stable end with the campaign:
    there is no concurrent stable any more."""
    previous = turn.variant("previous")
    if previous is None:
        return on_probation(turn.set(gates=()) if turn.status.gates else turn)
    judged = _judge(turn, turn.snapshot.evidence, "gates") if watched(turn.spec, turn.status) else turn
    judged = judged if judged.stage is not None else on_probation(judged)
    if previous.keep_until is None or judged.stage is not None:
        return judged
    if turn.now < previous.keep_until:
        return judged.at_latest((previous.keep_until - turn.now).total_seconds())
    end = latest(turn, previous)
    if keeps_previous(judged) and turn.now < end:
        return judged.at_latest((end - turn.now).total_seconds())
    if _blindness(turn, turn.snapshot.evidence) is not None and turn.now < end:
        return judged
    message = f"version {previous.version} was kept long enough"
    message += "; it was adopted, so that its InferenceService stays, without traffic" if previous.adopted else ""
    return judged.without("previous").set(gates=()).notice("Normal", "PreviousRemoved", message)


def _blindness(turn: Turn, evidence: Evidence | Unavailable | None) -> Unavailable | None:
    """Why nobody can measure what the gates limit. The time in which an enforced one might have breached has not
    passed then: unknown is not success. Too little traffic is no blindness: that is known."""
    enforced = any(gate.absolute and gate.enforcement == "Enforce" for gate in turn.spec.gates)
    if not enforced or not watched(turn.spec, turn.status):
        return None
    if isinstance(evidence, Evidence) and evidence.candidate.scraped is None:
        return Unavailable("NotScraped", "Prometheus has scraped no pod of it within a minute")
    return evidence if isinstance(evidence, Unavailable) else None


def _judge(turn: Turn, evidence: Evidence | Unavailable | None, place: Place) -> Turn:
    turn, before = turn.at_latest(POLL_SECONDS), getattr(turn.status, place)
    gates = [(gate.name, gate) for gate in turn.spec.gates if gate.absolute]
    judged = evaluate(turn.set(gates=before), gates, evidence, 0.0)
    results = tuple(each.result for each in judged)
    if verdicts(results) != verdicts(before):
        turn = turn.set(**{place: results})
    blind = _blindness(turn, evidence)
    if blind is not None:
        message = f"nobody can say whether the gates hold for the promoted version: {blind.message}"
        turn = turn.say("EvidenceAvailable", "False", blind.reason, message)
    back, late = answers(turn, turn.variant("previous")), overdue(turn, judged)
    if late is not None and back:
        return revert(turn.set(**{place: results}), "GateUnknown", _after_promotion(late))
    bad = next((each for each in judged if each.breached), None)
    if bad is None or not isinstance(evidence, Evidence):
        return turn
    if turn.spec.on_breach == "Rollback" and back:
        return revert(turn.set(**{place: results}), "GateBreached", _after_promotion(bad))
    return _held(turn, bad, place, results)


def _held(turn: Turn, bad: Judged, place: Place, results: tuple[GateResult, ...]) -> Turn:
    """A breach that a person is to decide upon, recorded once, when it is first seen."""
    message = f"gate {bad.result.name} breached after promotion; a person decides"
    known = next((g for g in getattr(turn.snapshot.status, place) if g.name == bad.result.name), None)
    if known is None or not known.breaches:
        recorded = turn.set(gates=results).record("Breached", "GateBreached", f"{message}: {bad.result.message}")
        turn = recorded.set(gates=turn.status.gates)
    return turn.say("Stalled", "True", "Breached", message)


def _after_promotion(judged: Judged) -> str:
    return f"after promotion, gate {judged.result.name}: {judged.result.message}"
