"""The fast alarm: what follows where the live answers have jumped, and what is said of it.

What was seen is in status before anything follows from it, with the figures of that look: while nothing changes nothing
is written, however the figures go on.
"""

from __future__ import annotations

from datetime import timedelta

from slipway.api.v1alpha1.rollout_alarm import BY_ALARM, PredictionShift
from slipway.api.v1alpha1.rollout_commands import Held
from slipway.core.class_jump import Found, found, unjudged
from slipway.core.gate_words import shown
from slipway.core.live_classes import Observed, Watched
from slipway.core.plan import Unavailable
from slipway.core.rollout.campaign import REPLACED, revert, roll_back
from slipway.core.rollout.guard import judges_candidate
from slipway.core.rollout.presence import answers
from slipway.core.rollout.route import header_of
from slipway.core.rollout.snapshot import Snapshot, variant
from slipway.core.rollout.turn import PROMOTE, Turn
from slipway.statistics.jumps import LEAST

CONDITION = "PredictionShift"
LOOK_SECONDS = 10.0
"""How often answers are looked at where the spec sets an alarm: two scrapes of 5 seconds."""

SCRAPED_BY_THEN = timedelta(seconds=15)
"""After so long both arms have been scraped again. At the first sight of a jump one may be a scrape ahead of the other,
and a world that changes would look like the fault of that one."""

STANDS = timedelta(minutes=15)
"""So long an alarm stands at least: one that comes and goes is told, and acted upon, four times an hour at the most."""

Statement = tuple[str, str, str]
_ROLES = {
    "Candidate": "the candidate, and not of stable's",
    "Stable": "which serves",
    "Everyone": "which serves, and the candidate's moved with it or say too little",
}


def watched(snapshot: Snapshot) -> Watched | None:
    """Whose answers are looked at; None where nothing serves, or nobody asks for it by `spec.alarm`. Not while all
    traffic is on its way to another version."""
    status, spec = snapshot.status, snapshot.spec
    stable, candidate = variant(status, "stable"), variant(status, "candidate")
    if spec is None or spec.alarm is None or stable is None:
        return None
    if status.stage is not None and status.stage.type == PROMOTE:
        return None
    rollout = snapshot.identity.key
    if candidate is None or not judges_candidate(status):
        return Watched(rollout, stable.revision)
    traffic = "shadow" if candidate.mirror else "live"
    return Watched(rollout, stable.revision, candidate.revision, traffic, bool(header_of(spec)))


def alarmed(turn: Turn) -> Turn:
    """With what this look at the answers changes: a jump is told once, and acted upon once."""
    turn = _without_the_departed(turn)
    if watched(turn.snapshot) is not None:
        turn = turn.at_latest(LOOK_SECONDS)
    seen, known = turn.snapshot.live_classes, turn.status.prediction_shift
    if not isinstance(seen, Observed):
        return turn
    now = found(seen)
    if known is not None and known.act == "Suspected":
        return _confirmed(turn, now) if _age(turn, known) >= SCRAPED_BY_THEN else turn
    if known is not None and not _is_news(turn, known, now):
        return turn
    if now is not None and (known is None or not _is_same(known, now, turn)):
        return _suspected(turn, now) if seen.candidate is not None else _raised(turn, now)
    return _over(turn) if now is None and known is not None else turn


def _age(turn: Turn, known: PredictionShift) -> timedelta:
    return turn.now - known.since if known.since is not None else STANDS


def _over(turn: Turn) -> Turn:
    known = turn.status.prediction_shift
    message = f"no class's share jumps any more: {known.label} of version {known.version} had" if known else ""
    return turn.set(prediction_shift=None).notice("Normal", "PredictionShiftOver", message)


def _without_the_departed(turn: Turn) -> Turn:
    """An alarm goes with the revision that it is about, and with the field that asks for it."""
    known = turn.status.prediction_shift
    serving = {each.revision for each in turn.status.variants if each.name != "previous"}
    if known is None or (known.revision in serving and turn.spec.alarm is not None):
        return turn
    turn = _released(turn) if known.act == "Suspected" else turn
    return turn.set(prediction_shift=None)


def _released(turn: Turn) -> Turn:
    held = turn.status.held
    return turn.set(held=None) if held is not None and held.by == BY_ALARM else turn


def _is_news(turn: Turn, known: PredictionShift, now: Found | None) -> bool:
    """Whether this look may change what stands. One that has gone back is done with: what serves instead is another
    matter."""
    another = known.act == "RolledBack" and now is not None and _about(turn, now).revision != known.revision
    return another or _age(turn, known) >= STANDS


def _is_same(known: PredictionShift, now: Found, turn: Turn) -> bool:
    """Whether what stands is what is seen."""
    return (known.subject, known.revision) == (now.subject, _about(turn, now).revision)


def _about(turn: Turn, now: Found) -> PredictionShift:
    """What is seen, for the status; nothing has followed yet."""
    jump, whose = now.jump, turn.the("candidate" if now.subject == "Candidate" else "stable")
    share, expected = shown(jump.now.share, "share"), shown(jump.then.share, "share")
    message = (
        f"class {jump.label} has {'risen' if jump.rose else 'fallen'} to {share} of the predictions of version "
        f"{whose.version}, {_ROLES[now.subject]}: {jump.now.events} of {jump.now.trials} in {jump.seconds}s, where "
        f"{jump.against} had {expected} ({jump.then.events} of {jump.then.trials}); by chance with probability "
        f"{jump.p:.1g}"
    )
    return PredictionShift(
        subject=now.subject, revision=whose.revision, version=whose.version, label=jump.label, share=share,
        expected=expected, against=jump.against, predictions=jump.now.trials, seconds=jump.seconds,
        p=f"{jump.p:.1g}", since=turn.now, message=message,
    )  # fmt: skip


def _suspected(turn: Turn, now: Found) -> Turn:
    """While there are two arms: told at once, and nothing advances until both have been scraped again."""
    about = _about(turn, now)
    message = f"{about.message}. Whose it is, the next scrape of the other will show"
    return _stopped(_told(turn, about.model_copy(update={"act": "Suspected"}), message), about)


def _confirmed(turn: Turn, now: Found | None) -> Turn:
    """What follows a suspicion."""
    turn = _released(turn)
    return _raised(turn, now) if now is not None else _over(turn)


def _raised(turn: Turn, now: Found) -> Turn:
    """Told, and acted upon as the spec asks. What is everyone's sends nobody back: the other version sees it too."""
    about = _about(turn, now)
    if turn.spec.alarm is not None and turn.spec.alarm.prediction_shift == "Rollback" and now.subject != "Everyone":
        back = _way_back(turn, about)
        if back is not None:
            return back
        return _frozen(turn, about, "No version is kept that could serve instead")
    why = "It is no fault of the candidate's" if now.subject == "Everyone" else "spec.alarm asks for it"
    return _frozen(turn, about, why)


def _told(turn: Turn, about: PredictionShift, message: str) -> Turn:
    told = about.model_copy(update={"message": message})
    return turn.set(prediction_shift=told).notice("Warning", CONDITION, message)


def _frozen(turn: Turn, about: PredictionShift, why: str) -> Turn:
    """Nothing advances until a person has looked."""
    message = f"{about.message}. Frozen: {why}. Look at the inputs, then resume (RolloutRequest with action Resume)"
    turn = _told(turn, about.model_copy(update={"act": "Frozen"}), message)
    return _stopped(turn.record("Breached", CONDITION, message), about)


def _stopped(turn: Turn, about: PredictionShift) -> Turn:
    """Who has been stopped by a person already stays so."""
    if turn.status.held is not None:
        return turn
    return turn.set(held=Held(by=BY_ALARM, reason=about.message, since=turn.now))


def _way_back(turn: Turn, about: PredictionShift) -> Turn | None:
    """As a breach goes back; None where nothing is kept that answers."""
    about = about.model_copy(update={"act": "RolledBack"})
    if about.subject == "Candidate":
        turn = turn.set(prediction_shift=about).notice("Warning", CONDITION, about.message)
        return roll_back(turn, "RolledBack", CONDITION, f"alarm: {about.message}")
    previous = turn.variant("previous")
    if previous is None or previous.role == REPLACED or not answers(turn, previous):
        return None
    turn = turn.set(prediction_shift=about).notice("Warning", CONDITION, about.message)
    return revert(turn, CONDITION, f"after promotion, alarm: {about.message}")


def prediction_shift(turn: Turn) -> dict[str, Statement]:
    """The condition; without `spec.alarm` only an alarm is said."""
    known, seen = turn.status.prediction_shift, turn.snapshot.live_classes
    if known is not None:
        return {CONDITION: ("True", f"{known.subject}{known.act}", known.message)}
    if turn.spec.alarm is None or watched(turn.snapshot) is None:
        return {}
    if isinstance(seen, Unavailable):
        return {CONDITION: ("Unknown", seen.reason, f"nobody can say whether predictions jump: {seen.message}")}
    if not isinstance(seen, Observed):
        return {}
    # Traffic that comes and goes about the least number must not write each time.
    before = next((each.status for each in turn.status.conditions if each.type == CONDITION), "")
    why = unjudged(seen.stable, LEAST / 2 if before == "False" else LEAST)
    if why:
        return {CONDITION: ("Unknown", "TooLittleKnown", why)}
    return {CONDITION: ("False", "AsExpected", "no class's share of the predictions has jumped")}


def waits_for_a_person(turn: Turn) -> dict[str, Statement]:
    """That the alarm has stopped the rollout, for as long as nobody has let it go on."""
    held, known = turn.status.held, turn.status.prediction_shift
    if held is None or held.by != BY_ALARM or (known is not None and known.act == "Suspected"):
        return {}
    return {"Stalled": ("True", CONDITION, f"frozen by {BY_ALARM} until a RolloutRequest with action Resume")}
