"""Who is told what: announcements are appended to the status with the transition that they tell of, and whoever was not
told yet is told by what follows from the status, so that no kill loses one. A decision waits for none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_hooks import (
    ANNOUNCED,
    Announcement,
    Announcements,
    Hook,
    HookEvent,
    Notification,
    Receiver,
    Severity,
)
from slipway.api.v1alpha1.rollout_status import GateResult, ModelRolloutStatus
from slipway.core.plan import Deliver, Outcome
from slipway.core.rollout.default_gates import PREFIX
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import unjudged_for
from slipway.core.rollout.windows import NOBODY_KNOWS

OWED = timedelta(hours=1)
"""So long an announcement is tried: what is older is no news."""

LONGEST = 500
"""Most characters of a message: the status holds several."""

Receivers = Mapping[str, Hook | Notification]
Meaning = tuple[Severity, tuple[HookEvent, ...]]
_RANKS: Mapping[Severity, int] = {"Info": 0, "Warning": 1, "Critical": 2}
_MEANINGS: Mapping[str, Meaning] = {
    "Started": ("Info", ("Started",)),
    "StageEntered": ("Info", ("StageStarted",)),
    "StagePassed": ("Info", ("StagePassed",)),
    "StageSkipped": ("Warning", ("StageSkipped",)),
    "Promoted": ("Info", ("Promoted",)),
    "RolledBack": ("Critical", ("RolledBack",)),
    "Restored": ("Warning", ("RolledBack",)),
    "Failed": ("Critical", ("Failed",)),
    "Superseded": ("Info", ("Superseded",)),
    "Aborted": ("Warning", ("Aborted",)),
    "Inconclusive": ("Warning", ("Inconclusive",)),
    "Breached": ("Critical", ("Breached", "Held")),
    "ProbationUndecided": ("Warning", ("Inconclusive",)),
}
"""By the kind of a decision, as the evidence ledger has it."""

_OF_REASONS: Mapping[tuple[str, str], Meaning] = {
    ("StageEntered", "Approval"): ("Warning", ("StageStarted", "ApprovalNeeded")),
    ("RolledBack", "GateBreached"): ("Critical", ("RolledBack", "Breached")),
    ("RolledBack", "ProbationFailed"): ("Critical", ("RolledBack", "Breached")),
    ("RolledBack", "GateUnknown"): ("Critical", ("RolledBack", "GateUnknown")),
    ("RolledBack", "RollbackRequested"): ("Warning", ("RolledBack",)),
    ("Requested", "Hold"): ("Warning", ("Held",)),
    ("Requested", "Resume"): ("Info", ("Resumed",)),
}


def announce(turn: Turn) -> Turn:
    """With what happened in this turn among what is to be told, and without what everybody has been told by now."""
    named, before = receivers_of(turn.spec), turn.status.announcements
    if not named:  # the numbers go on: an id is never given twice
        left = Announcements(sequence=before.sequence) if before is not None and before.sequence else None
        return turn if left == before else turn.set(announcements=left)
    book = _heard(before or Announcements(), named, turn.snapshot.outcomes)
    for decision in turn.decisions:
        meaning = _OF_REASONS.get((decision.kind, decision.reason)) or _MEANINGS.get(decision.kind)
        if meaning is not None:
            book = _with(book, named, _announcement(turn, decision.status, meaning, decision.reason, decision.message))
    book = _with_unjudged(turn, named, book)
    for each in book.pending:
        if each.at is not None and turn.now - each.at >= OWED:
            book = _given_up(book, named, each)
    book = book.model_copy(update={"pending": tuple(each for each in book.pending if _is_owed(book, named, each))})
    return turn if book == before else turn.set(announcements=book)


def receivers_of(spec: ModelRolloutSpec) -> Receivers:
    """Who is to be told, by the name in status."""
    hooks: dict[str, Hook | Notification] = {f"hook/{each.name}": each for each in spec.hooks}
    return hooks | {f"notification/{each.name}": each for each in spec.notifications}


def deliveries(turn: Turn) -> Iterator[Deliver]:
    """The oldest announcement of the persisted status that each receiver has not been told: one after the other."""
    book, named = turn.status.announcements, receivers_of(turn.spec)
    if book is None or turn.snapshot.deleting:
        return
    for known in book.receivers:
        receiver = named.get(known.name)
        first = next((each for each in book.pending if receiver and _owes(known, receiver, each)), None)
        if receiver is not None and first is not None:
            yield _delivery(turn, known.name, receiver, first)


def told(turn: Turn) -> dict[str, tuple[str, str, str]]:
    """The condition Announced; nothing is said where nobody asked to be told."""
    book = turn.status.announcements
    if book is None or not receivers_of(turn.spec):
        return {}
    bad = [f"{each.name}: {each.problem}" for each in book.receivers if each.problem]
    if bad:
        message = f"{'; '.join(bad)}; tried again for an hour, and the rollout does not wait for it"
        return {"Announced": ("False", "DeliveryFailing", message)}
    missed = [f"{each.name} missed {each.failed}" for each in book.receivers if each.failed]
    message = f"told: {', '.join(each.name for each in book.receivers)}"
    return {"Announced": ("True", "Told", "; ".join([message, *missed]))}


def _heard(book: Announcements, named: Receivers, outcomes: Mapping[str, Outcome]) -> Announcements:
    """Who is named now, each with how far it has come; a new one is told what happens from now on."""
    before = {each.name: each for each in book.receivers}
    heard = []
    for name in named:
        known, outcome = before.get(name, Receiver(name=name, delivered=book.sequence)), outcomes.get(name)
        if outcome is not None and outcome.sequence > known.delivered:
            taken = {"delivered": outcome.sequence} if outcome.delivered else {}
            known = known.model_copy(update={"problem": outcome.problem[:LONGEST], **taken})
        heard.append(known)
    return book.model_copy(update={"receivers": tuple(heard)})


def _with(book: Announcements, named: Receivers, news: Announcement) -> Announcements:
    """With one more; where too many wait, the oldest is given up."""
    if not any(_asks(receiver, news) for receiver in named.values()):
        return book
    if len(book.pending) >= ANNOUNCED:
        book = _given_up(book, named, book.pending[0])
        book = book.model_copy(update={"pending": book.pending[1:]})
    numbered = news.model_copy(update={"sequence": book.sequence + 1})
    return book.model_copy(update={"sequence": numbered.sequence, "pending": (*book.pending, numbered)})


def _given_up(book: Announcements, named: Receivers, old: Announcement) -> Announcements:
    receivers = []
    for known in book.receivers:
        if known.name in named and _owes(known, named[known.name], old):
            update = {"delivered": old.sequence, "failed": known.failed + 1, "problem": ""}
            known = known.model_copy(update=update)
        receivers.append(known)
    return book.model_copy(update={"receivers": tuple(receivers)})


def _is_owed(book: Announcements, named: Receivers, each: Announcement) -> bool:
    return any(_owes(known, named[known.name], each) for known in book.receivers)


def _owes(known: Receiver, receiver: Hook | Notification, each: Announcement) -> bool:
    return each.sequence > known.delivered and _asks(receiver, each)


def _asks(receiver: Hook | Notification, each: Announcement) -> bool:
    if isinstance(receiver, Hook):
        return bool(set(receiver.events) & set(each.events))
    return _RANKS[each.severity] >= _RANKS[receiver.severity]


def _with_unjudged(turn: Turn, named: Receivers, book: Announcements) -> Announcements:
    """Told once of each enforced gate that nobody could judge for as long as its spec bears it."""
    found = {gate.name: gate for gate in turn.status.gates if _is_unjudged(turn, gate)}
    for name, gate in found.items():
        if name not in book.unjudged:
            message = f"gate {name} could not be judged for longer than its onUnknown.after: {gate.message}"
            news = _announcement(turn, turn.status, ("Warning", ("GateUnknown",)), gate.verdict, message)
            book = _with(book, named, news)
    return book.model_copy(update={"unjudged": tuple(found)})


def _is_unjudged(turn: Turn, result: GateResult) -> bool:
    gates = (*turn.spec.gates, *(gate for stage in turn.spec.stages for gate in stage.gates))
    name, beside = result.name.rpartition(".")[2], result.name.startswith(PREFIX)
    known = (gate for gate in gates if (gate.metric == "agreement" if beside else gate.name == name))
    written = next(known, None)
    if written is None or result.enforcement != "Enforce" or result.verdict not in NOBODY_KNOWS:
        return False
    return unjudged_for(turn, result) >= written.on_unknown.after.seconds


def _announcement(turn: Turn, status: ModelRolloutStatus, meaning: Meaning, reason: str, message: str) -> Announcement:
    target, stage = status.target, status.stage
    return Announcement(
        sequence=0, severity=meaning[0], events=meaning[1], at=turn.now, stage=stage.name if stage else "",
        version=target.version if target else "", revision=target.revision if target else "", reason=reason,
        message=message[:LONGEST],
    )  # fmt: skip


def _event(receiver: Hook | Notification, each: Announcement) -> str:
    """The event that a hook has asked for; a notification asks by severity, and hears the first."""
    if not isinstance(receiver, Hook):
        return each.events[0]
    return next(event for event in each.events if event in receiver.events)


def _delivery(turn: Turn, name: str, receiver: Hook | Notification, each: Announcement) -> Deliver:
    snapshot = turn.snapshot
    described = each.model_dump(mode="json", exclude={"sequence", "events"})
    content: dict[str, Any] = {
        "id": f"{snapshot.uid}-{each.sequence}",
        "event": _event(receiver, each),
        "events": list(each.events),
        "rollout": {"namespace": snapshot.namespace, "name": snapshot.name, "uid": snapshot.uid},
        **described,
    }
    url = receiver.url if isinstance(receiver, Hook) else ""
    secret = receiver.secret_ref.name if receiver.secret_ref is not None else ""
    return Deliver(snapshot.key, snapshot.uid, name, each.sequence, content, url, secret)
