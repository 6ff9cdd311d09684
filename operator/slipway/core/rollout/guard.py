"""After promotion: the gates stay enforced while the previous variant is kept, and its time ends."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Variant
from slipway.core.evidence import Evidence
from slipway.core.plan import Unavailable
from slipway.core.rollout.campaign import REPLACED, revert
from slipway.core.rollout.presence import answers
from slipway.core.rollout.snapshot import variant
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import Judged, breach_held, evaluate, overdue

POLL_SECONDS = 15.0


def watched(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> bool:
    """Whether there is something to go back to, and a gate that can say so without a concurrent stable."""
    previous = variant(status, "previous")
    kept = previous is not None and previous.role != REPLACED
    return kept and status.stage is None and any(gate.bound is not None for gate in spec.gates)


def keep_watch(turn: Turn) -> Turn:
    """Absolute bounds against the promoted variant's live traffic. Comparisons with stable end with the campaign:
    there is no concurrent stable any more."""
    previous = turn.variant("previous")
    if previous is None:
        return turn.set(gates=()) if turn.status.gates else turn
    judged = _judge(turn) if watched(turn.spec, turn.status) else turn
    if previous.keep_until is None or judged.stage is not None:
        return judged
    if turn.now < previous.keep_until:
        return judged.at_latest((previous.keep_until - turn.now).total_seconds())
    if _blindness(turn) is not None and turn.now < _latest(turn, previous):
        return judged
    message = f"version {previous.version} was kept long enough"
    return turn.without("previous").set(gates=()).notice("Normal", "PreviousRemoved", message)


def _blindness(turn: Turn) -> Unavailable | None:
    """Why nobody can measure what the gates limit. The time in which an enforced one might have breached has not
    passed then: unknown is not success. Too little traffic is no blindness: that is known."""
    enforced = any(gate.bound is not None and gate.enforcement == "Enforce" for gate in turn.spec.gates)
    if not enforced or not watched(turn.spec, turn.status):
        return None
    evidence = turn.snapshot.evidence
    if isinstance(evidence, Evidence) and evidence.candidate.scraped is None:
        return Unavailable("NotScraped", "Prometheus has scraped no pod of it within a minute")
    return evidence if isinstance(evidence, Unavailable) else None


def _latest(turn: Turn, previous: Variant) -> datetime:
    """Until when the previous variant is kept at the most."""
    return (previous.since or turn.now) + turn.spec.promotion.keep_previous.at_most.timedelta


def _judge(turn: Turn) -> Turn:
    turn = turn.at_latest(POLL_SECONDS)
    gates = [(gate.name, gate) for gate in turn.spec.gates if gate.bound is not None]
    judged = evaluate(turn, gates, turn.snapshot.evidence, 0.0)
    results = tuple(each.result for each in judged)
    verdicts = [(g.name, g.verdict, g.breaches) for g in results]
    if verdicts != [(g.name, g.verdict, g.breaches) for g in turn.status.gates]:
        turn = turn.set(gates=results)
    evidence, blind = turn.snapshot.evidence, _blindness(turn)
    if blind is not None:
        message = f"nobody can say whether the gates hold for the promoted version: {blind.message}"
        turn = turn.say("EvidenceAvailable", "False", blind.reason, message)
    back, late = answers(turn, turn.variant("previous")), overdue(turn, judged)
    if late is not None and back:
        return revert(turn.set(gates=results), "GateUnknown", _after_promotion(late))
    bad = next((each for each in judged if each.breached), None)
    if bad is None or not isinstance(evidence, Evidence):
        return turn
    if turn.spec.on_breach == "Rollback" and back:
        return revert(turn.set(gates=results), "GateBreached", _after_promotion(bad))
    held = f"gate {bad.result.name} breached after promotion; a person decides"
    return breach_held(turn, bad, f"{held}: {bad.result.message}").say("Stalled", "True", "Breached", held)


def _after_promotion(judged: Judged) -> str:
    return f"after promotion, gate {judged.result.name}: {judged.result.message}"
